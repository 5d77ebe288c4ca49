#!/usr/bin/env bash
# A Slurm of one node on this machine, without systemd, for tests: slurm_node.sh start|stop FOLDER
# Needs root, and Debian's slurmctld, slurmd, slurm-client and munge. Listens on loopback alone;
# export SLURM_CONF=FOLDER/slurm.conf to use it.
set -eu
folder=$2
export SLURM_CONF=$folder/slurm.conf

start() {
  mkdir -p "$folder"/{state,spool} /run/munge
  [ -s /etc/munge/munge.key ] || { head -c 1024 /dev/urandom > /etc/munge/munge.key; }
  chown munge:munge /etc/munge/munge.key /run/munge
  chmod 400 /etc/munge/munge.key
  munge -n > /dev/null 2>&1 || setpriv --reuid munge --regid munge --clear-groups munged
  host=$(hostname -s)
  cat > "$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
CommunicationParameters=NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmdParameters=config_overrides
ReturnToService=2
MailProg=/bin/true
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
  slurmctld
  slurmd
  for _ in $(seq 40); do
    sinfo -h -o %T 2> /dev/null | grep -q idle && return
    sleep 0.25
  done
  echo "the node does not become idle" >&2
  return 1
}

stop() {
  scancel --me || true
  kill "$(cat "$folder/slurmd.pid")" "$(cat "$folder/slurmctld.pid")"
}

"$1"
