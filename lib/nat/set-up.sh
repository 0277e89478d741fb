# Makes an Amazon Linux 2023 machine lead a network out, checks that it does, and tells CloudFormation. Runs once, at the first boot.
#
# Variables from the template: STACK, RESOURCE (logical id of the machine), REGION, SUFFIX (of AWS's host names).
set -uo pipefail
export PATH="$PATH:/usr/sbin:/opt/aws/bin"

TRIES=10

signal() { # signal <exit code> <reason>
  echo "$2"
  command -v cfn-signal >/dev/null || install_package aws-cfn-bootstrap
  # Without a signal, CloudFormation gives up at the time limit of the creation policy.
  for _ in $(seq "$TRIES"); do
    cfn-signal --exit-code "$1" --reason "$2" --stack "$STACK" --resource "$RESOURCE" --region "$REGION" && return
    sleep 5
  done
}

fail() { # fail <reason>
  signal 1 "The NAT instance does not lead out: $1. Its console output has the rest"
  exit 1
}

install_package() {
  for try in $(seq "$TRIES"); do
    dnf --assumeyes --setopt=install_weak_deps=False install "$1" && return 0
    echo "try $try of $TRIES to install $1 failed"
    dnf clean all
    sleep $((try * 2))
  done
  return 1
}

add_swap() {
  # dnf alone can need more than the 512 MB of a nano instance, and is killed then.
  dd if=/dev/zero of=/swapfile bs=1M count=1024 && chmod 600 /swapfile && mkswap /swapfile && swapon /swapfile &&
    echo '/swapfile none swap defaults 0 0' >>/etc/fstab
}

has_filter() { command -v nft >/dev/null || command -v iptables >/dev/null; }

# The rules, as a service, so that they come back after a reboot.
write_service() {
  cat >/usr/local/sbin/celeriac-nat <<'SCRIPT'
#!/bin/bash
set -eu
sysctl --quiet --write net.ipv4.ip_forward=1
out=$(ip -4 -oneline route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
if command -v nft >/dev/null; then
  nft --file - <<RULES
table ip celeriac
delete table ip celeriac
table ip celeriac {
  chain out {
    type nat hook postrouting priority 100;
    oifname "$out" masquerade
  }
}
RULES
else
  iptables -t nat -C POSTROUTING -o "$out" -j MASQUERADE 2>/dev/null ||
    iptables -t nat -A POSTROUTING -o "$out" -j MASQUERADE
  iptables -P FORWARD ACCEPT
fi
SCRIPT
  chmod 755 /usr/local/sbin/celeriac-nat
  cat >/etc/systemd/system/celeriac-nat.service <<'UNIT'
[Unit]
After=network-online.target
Wants=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/celeriac-nat
Restart=on-failure
RestartSec=5
[Install]
WantedBy=multi-user.target
UNIT
  systemctl daemon-reload && systemctl enable --now celeriac-nat.service
}

# Calls AWS from a network of its own, whose only way is through this machine: as a function will.
leads_out() {
  ip netns exec probe curl --silent --show-error --max-time 10 --output /dev/null "https://sts.$REGION.$SUFFIX/"
}

make_probe() {
  mkdir -p /etc/netns/probe && echo 'nameserver 169.254.169.253' >/etc/netns/probe/resolv.conf
  ip netns add probe &&
    ip link add probe0 type veth peer name probe1 netns probe &&
    ip address add 192.0.2.1/30 dev probe0 &&
    ip link set probe0 up &&
    ip -n probe address add 192.0.2.2/30 dev probe1 &&
    ip -n probe link set probe1 up &&
    ip -n probe route add default via 192.0.2.1
}

remove_probe() {
  ip netns delete probe
  rm -rf /etc/netns/probe
}

add_swap || fail 'no swap space could be added'
has_filter || install_package nftables || install_package iptables-nft
has_filter || fail 'neither nftables nor iptables could be installed'
write_service || fail 'the rules could not be set'
make_probe || fail 'no test network could be made'
for try in $(seq "$TRIES"); do
  if leads_out; then
    remove_probe
    signal 0 'The NAT instance leads out'
    exit 0
  fi
  echo "try $try of $TRIES to get out failed"
  sleep 5
done
fail "https://sts.$REGION.$SUFFIX/ cannot be reached through it"
