# Takes out of a stopped instance's upper directory what guest.sh wrote into it, before it becomes an image's layer.
# Runs as (name-space) root with mounts of its own, in the state folder. Only the upper directory is written to: where a
# file came from the layers below, deleting it in the upper shows the one below again.
# $1 instance folder, $2 lower directories (topmost first)
set -eu
umask 022
dir=$1 lower=$2
upper=$dir/upper
in=$dir/inject
below=$dir/merged

# A lone lower directory is not a valid overlay, so an empty one joins it.
mkdir -p "$dir/empty"
mount -t overlay overlay -o "ro,userxattr,lowerdir=$dir/empty:$lower" "$below"

# take_lines FILE LINES: without the lines that we added; the file goes if it then says no more than the one below.
take_lines() {
    [ -f "$upper/$1" ] && [ ! -L "$upper/$1" ] || return 0
    { grep -vxF -f "$in/$2" "$upper/$1" || true; } >"$dir/rest"
    if [ -f "$below/$1" ]; then
        if cmp -s "$dir/rest" "$below/$1"; then rm -f "$upper/$1"; else cat "$dir/rest" >"$upper/$1"; fi
    elif [ -s "$dir/rest" ]; then
        cat "$dir/rest" >"$upper/$1"
    else
        rm -f "$upper/$1"
    fi
}

take_lines etc/hosts hosts
take_lines home/admin/.ssh/authorized_keys authorized_keys
if cmp -s "$in/hostname" "$upper/etc/hostname"; then rm -f "$upper/etc/hostname"; fi
rm -f "$upper/etc/machine-id" "$upper"/etc/ssh/ssh_host_*_key "$upper"/etc/ssh/ssh_host_*_key.pub
rm -f "$upper/var/lib/cloud/instance/user-data.txt"
rmdir "$upper/var/lib/cloud/instance" "$upper/var/lib/cloud" 2>/dev/null || true
