/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A qemu TCG plugin that counts how often each translated block is executed
 * and prints, at exit, "address instructions executions" for each. The few
 * declarations it needs are from qemu's plugin API, version 1, whose header
 * Debian does not package.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_trans_cb(
	qemu_plugin_id_t id,
	void (*callback)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb,
					      int operation, void *pointer,
					      uint64_t operand);
void qemu_plugin_register_atexit_cb(
	qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t id, void *data),
	void *data);

int qemu_plugin_version = 1;

struct block {
	struct block *next;
	uint64_t address;
	uint64_t executed;
	uint64_t instructions;
};

static struct block *blocks;
static const char *path;

/* A block that is translated again gets a new entry; the reader adds up. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = calloc(1, sizeof(*block));

	(void)id;
	if (!block)
		return;
	block->address = qemu_plugin_tb_vaddr(tb);
	block->instructions = qemu_plugin_tb_n_insns(tb);
	block->next = blocks;
	blocks = block;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, 0, &block->executed, 1);
}

static void finished(qemu_plugin_id_t id, void *data)
{
	FILE *file = fopen(path, "w");

	(void)id;
	(void)data;
	if (!file)
		return;
	for (struct block *block = blocks; block; block = block->next)
		if (block->executed)
			fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n",
				block->address, block->instructions,
				block->executed);
	fclose(file);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
			char **argv)
{
	(void)info;
	(void)argc;
	(void)argv;
	path = getenv("INSN_OUTPUT");
	if (!path)
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finished, NULL);
	return 0;
}
