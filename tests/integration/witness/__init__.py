# SPDX-License-Identifier: GPL-2.0-or-later
"""Random traffic, and what others than ctflowd saw of it.

    scenario       what a seed stands for
    conversations  the traffic
    disturbances   what happens to ctflowd and to the connection table meanwhile
    observers      libnetfilter_conntrack, and a packet capture
    play           runs a scenario and gathers an Observation (model)
    bounds         how far a time may be off (docs/protocol.md)
    conservation   packets and octets: exported = counted by the kernel, or in the ledger
    times          start and end of each record against the packets
    mutations      wrong observations, which the two must find
"""
