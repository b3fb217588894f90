# The first process of the namespaces that `enter.sh` makes: mounts, moves into the root, starts the engine.
set -euo pipefail
root=$1 data=$2 repository=$3 network=$4
shift 4
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$data" "$root/var/lib/docker"
mount --bind "$repository" "$root/srv/roost"
mount -o remount,bind,ro "$root/srv/roost"
cp /etc/resolv.conf "$root/run/resolv.conf"
cd "$root"
pivot_root . old
cd /
mount --bind /run/resolv.conf /etc/resolv.conf
umount -l /old
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
ip link set lo up
if [[ $network == closed ]]; then
    # An address of this machine other than the loopback, for stations to connect to.
    ip addr add 198.51.100.1/32 dev lo
fi
dockerd --iptables=false --ip6tables=false --bridge=none --ip-forward=false --storage-driver=overlay2 \
    --exec-opt native.cgroupdriver=cgroupfs >/run/dockerd.log 2>&1 &
engine=$!
for _ in $(seq 100); do
    docker info >/dev/null 2>&1 && break
    kill -0 "$engine" || { cat /run/dockerd.log >&2; exit 1; }
    sleep 0.3
done
code=0
"$@" || code=$?
[[ $code -eq 0 ]] || tail -n 40 /run/dockerd.log >&2
kill "$engine"
wait "$engine" || true
exit "$code"
