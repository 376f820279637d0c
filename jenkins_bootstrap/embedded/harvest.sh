# Keeps the packages and lists that an instance downloaded for the next one: links them into the cache, each by a rename.
# Runs as (name-space) root once the instance is down. $1 instance folder, $2 cache
set -eu
keep=$1/apt/cache/keep cache=$2
[ -d "$keep" ] || exit 0
mkdir -p "$cache/archives" "$cache/lists"

# put FILE AS: beside the folders that a booting instance copies meanwhile, so that it never sees a file come and go.
put() {
    new=$cache/new-$$
    ln "$1" "$new" 2>/dev/null || cp -p "$1" "$new"
    mv -f "$new" "$2"
}

for file in "$keep"/archives/*.deb; do
    [ -f "$file" ] || continue
    [ -e "$cache/archives/${file##*/}" ] || put "$file" "$cache/archives/${file##*/}"
done
for file in "$keep"/lists/*; do
    [ -f "$file" ] || continue
    [ "$cache/lists/${file##*/}" -nt "$file" ] || put "$file" "$cache/lists/${file##*/}"
done
