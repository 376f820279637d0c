# Boots an instance: mounts its layers, writes what a cloud writes at first boot, and becomes its sshd.
# Runs as (name-space) root in mount, pid, uts and ipc name spaces of its own, in the state folder.
# $1 instance folder, $2 address, $3 port, $4 lower directories (topmost first), $5 host's package cache or ""
set -eu
umask 022
dir=$1 address=$2 port=$3 lower=$4 cache=$5
m=$dir/merged
in=$dir/inject

# A restart finds the work directory of the last mount; `volatile` refuses one that it has used before.
rm -rf "$dir/work"
mkdir -p "$dir/work" "$dir/upper" "$m"
options="userxattr,lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work"
if ! mount -t overlay overlay -o "$options,volatile" "$m" 2>/dev/null; then
    rm -rf "$dir/work"
    mkdir "$dir/work"
    mount -t overlay overlay -o "$options" "$m"
fi

# What a cloud writes. seal.sh takes it out again when the instance becomes an image.
hostname "$(cat "$in/hostname")"
cat "$in/hostname" >"$m/etc/hostname"
cat "$in/machine-id" >"$m/etc/machine-id"
{ grep -vxF -f "$in/hosts" "$m/etc/hosts" || true; } >"$dir/hosts.new"
tail -n 1 "$in/hosts" >>"$dir/hosts.new"
cat "$dir/hosts.new" >"$m/etc/hosts"
install -m 600 "$in"/ssh_host_*_key "$m/etc/ssh/"
install -m 644 "$in"/ssh_host_*_key.pub "$m/etc/ssh/"
if [ -s "$in/authorized_keys" ]; then
    ssh=$m/home/admin/.ssh
    owner=$(stat -c %u:%g "$m/home/admin")
    mkdir -p "$ssh"
    touch "$ssh/authorized_keys"
    grep -qxF -f "$in/authorized_keys" "$ssh/authorized_keys" || cat "$in/authorized_keys" >>"$ssh/authorized_keys"
    chmod 700 "$ssh"
    chmod 600 "$ssh/authorized_keys"
    chown "$owner" "$ssh" "$ssh/authorized_keys"
fi
if [ -e "$in/user-data" ]; then
    mkdir -p "$m/var/lib/cloud/instance"
    install -m 600 "$in/user-data" "$m/var/lib/cloud/instance/user-data.txt"
fi

mount -t proc -o nosuid,nodev,noexec proc "$m/proc"
if [ "$(id -u)" = 0 ] && mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$m/sys" 2>/dev/null; then
    # Real root: keep a provisioning script's sysctl off the host.
    mount --bind "$m/proc/sys" "$m/proc/sys"
    mount -o remount,bind,ro "$m/proc/sys"
else
    mount --rbind /sys "$m/sys"
fi
mount -t tmpfs -o mode=755,size=1m tmpfs "$m/dev"
for name in null zero full random urandom tty; do
    : >"$m/dev/$name"
    mount --bind "/dev/$name" "$m/dev/$name"
done
mkdir "$m/dev/pts" "$m/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$m/dev/pts"
ln -s pts/ptmx "$m/dev/ptmx"
ln -s /proc/self/fd "$m/dev/fd"
ln -s fd/0 "$m/dev/stdin"
ln -s fd/1 "$m/dev/stdout"
ln -s fd/2 "$m/dev/stderr"
mount -t tmpfs -o mode=1777 tmpfs "$m/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$m/tmp"
mount -t tmpfs -o mode=755 tmpfs "$m/run"
mkdir -p "$m/run/sshd" "$m/run/lock" "$m/run/.old"
chmod 1777 "$m/run/lock"
# What metadata tells a real instance, and where its AWS is. On tmpfs: it is of this boot and gets into no image.
mkdir "$m/run/jenkins-bootstrap"
install -m 644 "$in/embedded.json" "$m/run/jenkins-bootstrap/"

# Bound over a file that the layers already have, never one made for it: that would stay in the image.
if [ -f "$m/etc/resolv.conf" ] && [ ! -L "$m/etc/resolv.conf" ]; then
    mount --bind /etc/resolv.conf "$m/etc/resolv.conf"
fi

# Hard links, not one shared folder: apt locks its folders, so two instances at once would refuse each other.
if [ -n "$cache" ] && [ -d "$m/var/cache/apt" ] && [ -d "$m/var/lib/apt/lists" ]; then
    apt=$dir/apt
    mkdir -p "$apt/cache/archives/partial" "$apt/cache/keep/archives" "$apt/cache/keep/lists" "$apt/lists/partial"
    for kind in archives lists; do
        [ "$kind" = archives ] && to=$apt/cache/archives || to=$apt/lists
        [ -d "$cache/$kind" ] || continue
        # The cache only saves time: a boot does not fail by it.
        cp -al "$cache/$kind/." "$to/" 2>/dev/null || cp -a "$cache/$kind/." "$to/" || true
    done
    mount --bind "$apt/cache" "$m/var/cache/apt"
    mount --bind "$apt/lists" "$m/var/lib/apt/lists"
fi

set -- /usr/sbin/sshd -D -e -o "ListenAddress=$address:$port" -o PidFile=none -o UseDNS=no -o UsePAM=yes \
    -o MaxStartups=100
cd "$m"
for key in etc/ssh/ssh_host_*_key; do
    set -- "$@" -h "/$key"
done
pivot_root . run/.old
exec </dev/null
umount -l /run/.old
rmdir /run/.old
unset LIBMOUNT_FORCE_MOUNT2

# Penalties of OpenSSH 9.8 are for strangers; here every client comes from one address. Older ones do not know the word.
if /usr/sbin/sshd -t -o PerSourcePenalties=no 2>/dev/null; then
    set -- "$@" -o PerSourcePenalties=no
fi
# Real root without these cannot change the host's clock, modules, network or kernel log by mistake.
drop=-sys_module,-sys_rawio,-sys_time,-sys_boot,-syslog,-mac_admin,-mac_override,-net_admin,-audit_control
if setpriv --bounding-set="$drop" --inh-caps="$drop" -- /bin/true 2>/dev/null; then
    set -- setpriv --bounding-set="$drop" --inh-caps="$drop" -- "$@"
fi
exec "$@"
