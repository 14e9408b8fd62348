# SPDX-License-Identifier: GPL-2.0-or-later
# A NixOS module: imports = [ ./ctflowd.nix ]; services.ctflowd = { enable = true; package = …; settings = { … }; };
# Tried: nix-instantiate --parse (its syntax), and its settings compared with those of the unit for systemd
# (tests/checks/packages). Not tried: the evaluation of the module, for which Debian has nothing, and NixOS.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.ctflowd;
  file = (pkgs.formats.yaml { }).generate "ctflowd.yaml" cfg.settings;
in
{
  options.services.ctflowd = {
    enable = lib.mkEnableOption "ctflowd, the flow exporter for the connection table";
    package = lib.mkOption {
      type = lib.types.package;
      description = "The ctflowd to run.";
    };
    settings = lib.mkOption {
      type = (pkgs.formats.yaml { }).type;
      default = { };
      example = {
        collectors = [{ name = "main"; address = "192.0.2.10"; port = 4739; protocol = "ipfix"; }];
      };
      description = "The contents of ctflowd.yaml, see ctflowd.yaml(5).";
    };
    enableAccounting = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Switch on what ctflowd needs of connection tracking: counters, time stamps, events.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    boot.kernelModules = lib.mkIf cfg.enableAccounting [ "nf_conntrack" ];
    boot.kernel.sysctl = lib.mkIf cfg.enableAccounting {
      "net.netfilter.nf_conntrack_acct" = 1;
      "net.netfilter.nf_conntrack_timestamp" = 1;
      "net.netfilter.nf_conntrack_events" = 1;
    };
    users.users.ctflowd = { isSystemUser = true; group = "ctflowd"; };
    users.groups.ctflowd = { };
    systemd.services.ctflowd = {
      description = "Flow exporter for the Linux connection table";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" "nftables.service" "systemd-sysctl.service" ];
      restartTriggers = [ file ];
      unitConfig.StartLimitIntervalSec = 0;
      serviceConfig = {
        Type = "notify";
        ExecStartPre = "${cfg.package}/sbin/ctflowd check -c ${file}";
        ExecStart = "${cfg.package}/sbin/ctflowd run -c ${file}";
        # A list is several lines: the first that fails ends the reload.
        ExecReload = [
          "${cfg.package}/sbin/ctflowd check -c ${file}"
          "${pkgs.coreutils}/bin/kill -HUP $MAINPID"
        ];
        Restart = "on-failure";
        RestartSec = 5;
        WatchdogSec = 60;
        User = "ctflowd";
        Group = "ctflowd";
        RuntimeDirectory = "ctflowd";
        RuntimeDirectoryPreserve = "yes";
        RuntimeDirectoryMode = "0750";
        StateDirectory = [ "ctflowd/spool" "ctflowd/files" "ctflowd/nat" "ctflowd/accounting" ];
        StateDirectoryMode = "0750";
        LogsDirectory = "ctflowd";
        LogsDirectoryMode = "0750";
        AmbientCapabilities = "CAP_NET_ADMIN";
        CapabilityBoundingSet = "CAP_NET_ADMIN";
        NoNewPrivileges = true;
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
        PrivateDevices = true;
        PrivateMounts = true;
        ProtectProc = "invisible";
        ProtectKernelTunables = true;
        ProtectKernelModules = true;
        ProtectKernelLogs = true;
        ProtectControlGroups = true;
        ProtectClock = true;
        ProtectHostname = true;
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        RemoveIPC = true;
        RestrictNamespaces = true;
        UMask = "0027";
        RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_NETLINK" "AF_UNIX" ];
        SystemCallArchitectures = "native";
        SystemCallFilter = [ "@system-service" "~@privileged @resources" ];
        SystemCallErrorNumber = "EPERM";
        LimitNOFILE = 16384;
      };
    };
  };
}
