# SPDX-License-Identifier: GPL-2.0-or-later
# A NixOS module: imports = [ ./ctflowd.nix ]; services.ctflowd = { enable = true; package = …; settings = { … }; };
# Its syntax and its attributes were checked by reading alone: Debian has no evaluator of NixOS modules.
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
        AmbientCapabilities = "CAP_NET_ADMIN";
        CapabilityBoundingSet = "CAP_NET_ADMIN";
        NoNewPrivileges = true;
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
        PrivateDevices = true;
        ProtectKernelTunables = true;
        ProtectKernelModules = true;
        ProtectControlGroups = true;
        MemoryDenyWriteExecute = true;
        LimitNOFILE = 16384;
      };
    };
  };
}
