#!/usr/bin/env bash
# Several "hosts" on one machine: each has its own network, process list, mounts (/tmp, home) and host name,
# and an sshd on port 22.
#   hosts.sh up DIR N [BIND...]        make hosts 10.88.0.1..N; state and ssh key in DIR; BIND: folders all hosts share
#   hosts.sh cut DIR I | heal DIR I    pull and replug host I's cable
#   hosts.sh kill DIR I | boot DIR I   kill -9 of everything on host I; start it again with its disk as it was left
#   hosts.sh down DIR                  end every process of the hosts, remove the networks
# Needs root, iproute2, util-linux, openssh-server.
set -eu
verb=$1 dir=$(realpath -m "$2")
home=$(getent passwd "$(id -u)" | cut -d: -f6) # where sshd logs in, whatever HOME says here

in_host() { ip netns exec "host$1" "${@:2}"; }

init_of() { # what the first process of host I does; folders under the home or /tmp are bound before those are covered
  local i=$1 h=$dir/h$1 b t
  shift
  echo "set -e; mount --make-rprivate /; cp $dir/hostkey /run/hostkey.$i; chmod 600 /run/hostkey.$i"
  for b in "$@"; do
    case $b in
      "$home"/*) t=$h/home/${b#"$home"/} ;;
      /tmp/*) t=$h/tmp/${b#/tmp/} ;;
      *) continue ;;
    esac
    echo "mkdir -p $t; mount --rbind $b $t"
  done
  # Without names of its own a host would wait ten seconds for each that it looks up.
  echo "mount --bind $dir/names /etc/hosts; mount --bind $dir/resolver /etc/resolv.conf"
  echo "mount --rbind $h/home $home; mount --rbind $h/tmp /tmp; hostname host$i"
  echo "exec /usr/sbin/sshd -D -e -h /run/hostkey.$i -o PidFile=none -o UsePAM=no -o StrictModes=no \\"
  echo "  -o PermitRootLogin=prohibit-password -o MaxStartups=100"
}

boot() {
  setsid ip netns exec "host$1" unshare -pfmu --mount-proc --kill-child bash "$dir/h$1/init.sh" >>"$dir/h$1/sshd.log" 2>&1 &
}

wait_for() {
  for _ in $(seq 50); do
    if ssh -i "$dir/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
      -o ConnectTimeout=2 "root@10.88.0.$1" true 2>/dev/null; then return; fi
    sleep 0.2
  done
  echo "host $1 does not answer: see $dir/h$1/sshd.log" >&2
  exit 1
}

end_processes() { ip netns pids "host$1" 2>/dev/null | xargs -r kill -9 2>/dev/null || true; }

case $verb in
up)
  n=$3
  shift 3
  mkdir -p "$dir" /run/sshd
  for k in key hostkey; do [ -f "$dir/$k" ] || ssh-keygen -q -t ed25519 -N '' -f "$dir/$k"; done
  { echo "127.0.0.1 localhost"; for i in $(seq "$n"); do echo "10.88.0.$i host$i"; done; } >"$dir/names"
  echo "nameserver 127.0.0.1" >"$dir/resolver"
  ip link add br-hosts type bridge
  ip addr add 10.88.0.254/24 dev br-hosts
  ip link set br-hosts up
  for i in $(seq "$n"); do
    h=$dir/h$i
    mkdir -p "$h/tmp" "$h/home/.ssh"
    cp "$dir/key.pub" "$h/home/.ssh/authorized_keys"
    ip netns add "host$i"
    ip link add "hv$i" type veth peer name eth0 netns "host$i"
    ip link set "hv$i" master br-hosts up
    in_host "$i" ip addr add "10.88.0.$i/24" dev eth0
    in_host "$i" ip link set eth0 up
    in_host "$i" ip link set lo up
    in_host "$i" ip route add default via 10.88.0.254
    init_of "$i" "$@" >"$h/init.sh"
    boot "$i"
  done
  for i in $(seq "$n"); do wait_for "$i"; done
  ;;
cut) ip link set "hv$3" down ;;
heal) ip link set "hv$3" up ;;
kill)
  end_processes "$3"
  ;;
boot)
  boot "$3"
  wait_for "$3"
  ;;
down)
  for n in $(ip netns list | awk '/^host[0-9]/{print $1}'); do
    end_processes "${n#host}"
    ip netns del "$n"
    ip link del "hv${n#host}" 2>/dev/null || true
  done
  ip link del br-hosts 2>/dev/null || true
  rm -f /run/hostkey.*
  ;;
*)
  sed -n 2,9p "$0" >&2
  exit 2
  ;;
esac
