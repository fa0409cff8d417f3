# Shell functions that read Debian's package lists with package lists and state of our own, so
# that nothing of the host's package system is touched and root is not needed. Sourced by the
# scripts beside it, which set suite, arch, keyring, tmp (a directory of their own) and die().

# Print one apt source line for $suite per mirror that the machine's apt fetches Debian's main
# component of its own release from. $1: the machine's release name.
list_mirrors()
{
    if [ -n "${AMPHI_DEBIAN_MIRROR:-}" ]; then
        echo "deb [signed-by=$keyring] $AMPHI_DEBIAN_MIRROR $suite main"
        return
    fi
    cat /dev/null /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    awk -v release="$1" -v suite="$suite" -v keyring="$keyring" '
        $1 == "deb" {
            signed = keyring; trusted = ""; i = 2
            if ($i ~ /^\[/) {
                for (; ; i++) {
                    option = $i
                    gsub(/[][]/, "", option)
                    if (option ~ /^signed-by=\//) { signed = substr(option, 11) }
                    if (option == "trusted=yes") { trusted = " trusted=yes" }
                    if ($i ~ /\]$/ || i >= NF) { break }
                }
                i++
            }
            main = 0
            for (j = i + 2; j <= NF; j++) { if ($j == "main") { main = 1 } }
            if (main && ($(i + 1) == release || $(i + 1) ~ /^(stable|testing|oldstable)$/)) {
                print "deb [signed-by=" signed trusted "] " $i " " suite " main"
            }
        }' || true
    for f in /etc/apt/sources.list.d/*.sources; do
        if [ -f "$f" ]; then grep -v '^#' "$f"; echo; fi
    done |
    awk -v release="$1" -v suite="$suite" -v keyring="$keyring" '
        function has(list, word,    n, i, words) {
            n = split(list, words, /[ \t]+/)
            for (i = 1; i <= n; i++) { if (words[i] == word) { return 1 } }
            return 0
        }
        function flush(    n, i, uris, signed, trusted) {
            if (has(field["types"], "deb") && has(field["components"], "main") &&
                field["enabled"] !~ /no/ &&
                (has(field["suites"], release) || has(field["suites"], "stable") ||
                 has(field["suites"], "testing") || has(field["suites"], "oldstable"))) {
                signed = field["signed-by"] ~ /^ *\// ? field["signed-by"] : keyring
                gsub(/[ \t]/, "", signed)
                trusted = field["trusted"] ~ /yes/ ? " trusted=yes" : ""
                n = split(field["uris"], uris, /[ \t]+/)
                for (i = 1; i <= n; i++) {
                    if (uris[i] != "") {
                        print "deb [signed-by=" signed trusted "] " uris[i] " " suite " main"
                    }
                }
            }
            split("", field)
        }
        /^[ \t]*$/ { flush(); next }
        /^[ \t]/ { field[key] = field[key] " " $0; next }
        {
            key = tolower(substr($0, 1, index($0, ":") - 1))
            field[key] = substr($0, index($0, ":") + 1)
        }
        END { flush() }'
}

# Run an apt tool on our own package list and state.
apt_private()
{
    tool=$1
    shift
    "$tool" -q \
        -o Dir::Etc::SourceList="$tmp/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State="$tmp/apt" -o Dir::State::Lists="$tmp/apt/lists" \
        -o Dir::State::status="$tmp/apt/status" -o Dir::Cache="$tmp/apt/cache" \
        -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=2 "$@"
}

# Read the package lists of the first mirror that has Debian $suite for $arch.
find_mirror()
{
    command -v apt-get > /dev/null || die "needs apt-get and a Debian host; none here"
    mkdir -p "$tmp/apt/lists/partial" "$tmp/apt/cache/archives/partial"
    : > "$tmp/apt/status"
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-$suite}")
    list_mirrors "$release" | awk '!seen[$0]++' > "$tmp/mirrors"
    [ -s "$tmp/mirrors" ] || die "apt's configuration names no Debian mirror for $release;" \
        "set AMPHI_DEBIAN_MIRROR=URL"
    while read -r line; do
        mirror=$(echo "$line" | sed 's/.*\] //; s/ .*//')
        say "reading the package list of Debian $suite $arch from $mirror"
        echo "$line" > "$tmp/apt/sources.list"
        if apt_private apt-get -o APT::Update::Error-Mode=any update > "$tmp/apt/log" 2>&1; then
            if [ -n "$(apt_private apt-cache show "linux-image-$arch" 2> /dev/null)" ]; then
                return
            fi
        else
            grep '^[EW]:' "$tmp/apt/log" >&2 || cat "$tmp/apt/log" >&2
        fi
    done < "$tmp/mirrors"
    die "no mirror of apt's configuration has Debian $suite for $arch;" \
        "set AMPHI_DEBIAN_MIRROR=URL"
}
