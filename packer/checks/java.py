"""The Java that the settings ask for is the one that `java` runs, and git is there."""

import re
from pathlib import Path

from report import BAKE, check, end, output

status, text = output("java", "-version")
found = re.search(r'version "(\d+)', text)
asked = str(BAKE["java"])
check(f"java {asked}", "" if status == 0 and found and found[1] == asked else f"java -version says: {text[:200]}")
# Jenkins draws: what Java's own fonts code misses shows here, not at Jenkins' first start. Java itself finds libjvm.
library = Path(output("readlink", "-f", "/usr/bin/java")[1]).parents[1] / "lib/libfontmanager.so"
missing = set(re.findall(r"(\S+) => not found", output("ldd", str(library))[1])) - {"libjvm.so"}
check("java can draw", f"not found: {', '.join(sorted(missing))}" if missing else "")
status, text = output("git", "--version")
check("git", text if status else "")
end()
