# Makes the table of tests/bench/run out of lines ROUND WHO GROUP KERNEL VALUE CHECKSUM.
# Variables: format (text or markdown), strict (1: a missed bar is a failure), description (a
# file with lines about the run). Exit status 1: a checksum differs, a figure is missing.

BEGIN {
    # The bars against QEMU: so many times as fast; below "boot", at most that part (or value).
    bar["integer"] = 2.2
    bar["double"] = 8
    bar["vector"] = 6
    bar["vector-v"] = 10
    bar["memory"] = 2
    bar["system"] = 4
    bar["block"] = 1
    bar["net"] = 1
    bar["crowd"] = 1.05 # "no worse", apart from what one run differs from the next
    bar["init"] = 0.75
    bar["resident"] = 0.6
    bar["start"] = 0.015
    bar["snapshot"] = 1
    # Of KVM, at most that part of QEMU's.
    bar["kvm start"] = 0.3
    bar["kvm init"] = 0.9
    bar["kvm exit"] = 1
    bar["kvm resident"] = 0.25
    bar["kvm resident MiB"] = 20
    bar["kvm work"] = 1.01 # "equal"
}

{
    name = $3 " " $4
    if (!(name in count)) {
        order[++names] = name
        count[name] = 0
    }
    count[name]++
    n = ++runs[name, $2]
    value[name, $2, n] = $5
    sum = $6
    if (name in checksum && checksum[name] != sum) {
        differs[name] = differs[name] sprintf("%s: %s has %s, others %s\n", name, $2, sum,
            checksum[name])
    }
    if (!(name in checksum)) { checksum[name] = sum }
    if (runs[name, $2] > most) { most = runs[name, $2] }
    seen[$2] = 1
}

function median(name, who,    n, i, j, v, t) {
    n = runs[name, who]
    for (i = 1; i <= n; i++) {
        t = value[name, who, i] + 0
        for (j = i - 1; j >= 1 && v[j] > t; j--) { v[j + 1] = v[j] }
        v[j + 1] = t
    }
    return n == 0 ? 0 : n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function number(x, digits) { return x > 0 ? sprintf("%." digits "f", x) : "-" }
function ratio(a, b) { return a > 0 && b > 0 ? a / b : 0 }

# Print one row: seven columns.
function row(a, b, c, d, e, f, g, h) {
    if (format == "markdown") {
        printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", a, b, c, d, e, f, g, h
    } else {
        sub(/ +$/, "", h)
        printf "%-20s %9s %9s %9s %7s %7s %9s  %s\n", a, b, c, d, e, f, g, h
    }
}

function head() {
    if (format == "markdown") {
        row("", "native, s", "QEMU, s", "amphi, s", "QEMU / native", "amphi / native",
            "amphi vs QEMU", "bar")
        print "|---|--:|--:|--:|--:|--:|--:|---|"
        return
    }
    row("", "native", "QEMU", "amphi", "QEMU", "amphi", "amphi", "")
    row("", "s", "s", "s", "/native", "/native", "vs QEMU", "bar")
}

function verdict(good, text) {
    if (!good) { short++ }
    return text (good ? ": pass" : ": SHORT")
}

function finish_group(group,    gn, text) {
    if (kernels == 0) { return }
    gn = exp(log_gain / kernels)
    text = group in bar ? verdict(gn >= bar[group], sprintf("%.1f times", bar[group])) : ""
    row(group (format == "markdown" ? " **mean**" : " (geomean)"), "", "", "",
        number(natives ? exp(log_qemu / natives) : 0, 1),
        number(natives ? exp(log_amphi / natives) : 0, 1), number(gn, 2), text)
    if (format != "markdown") { print "" }
}

function kernel_row(name,    part, n, q, a, note) {
    split(name, part, " ")
    n = median(name, "native")
    q = median(name, "qemu")
    a = median(name, "amphi")
    note = ""
    if (name in differs) { note = "CHECKSUM DIFFERS" }
    if (q > 0 && a > 0) {
        kernels++
        log_gain += log(q / a)
        if (n > 0) {
            natives++
            log_qemu += log(q / n)
            log_amphi += log(a / n)
        }
    }
    if (runs[name, "qemu"] < most || runs[name, "amphi"] < most) {
        note = note (note ? ", " : "") "DID NOT END"
        missing++
    }
    row(part[1] " " part[2], number(n, 3), number(q, 3), number(a, 3), number(ratio(q, n), 1),
        number(ratio(a, n), 1), number(ratio(q, a), 2), note)
}

# Four virtual processors on two real ones against two: the time for the same work.
function crowd_row(    q, a) {
    q = ratio(median("parallel compile-4", "qemu"), median("parallel compile-2", "qemu"))
    a = ratio(median("parallel compile-4", "amphi"), median("parallel compile-2", "amphi"))
    if (q > 0 || a > 0) {
        row("4 vCPUs / 2, time", "", number(q, 2), number(a, 2), "", "", number(ratio(a, q), 2),
            verdict(a > 0 && a <= bar["crowd"], "no more than with 2 (" bar["crowd"] ")"))
    }
}

function boot_rows(    q, a) {
    q = median("boot init", "qemu")
    a = median("boot init", "amphi")
    if (q > 0) {
        row("boot to init, s", "", number(q, 2), number(a, 2), "", "", number(ratio(a, q), 2),
            verdict(a > 0 && a <= bar["init"] * q, "at most " bar["init"] " of QEMU's"))
    }
    q = median("boot memory", "qemu")
    a = median("boot memory", "amphi")
    if (q > 0) {
        row("resident then, MiB", "", number(q, 0), number(a, 0), "", "", number(ratio(a, q), 2),
            verdict(a > 0 && a <= bar["resident"] * q,
                "at most " bar["resident"] " of QEMU's"))
    }
    q = median("boot start", "qemu")
    a = median("boot start", "amphi")
    if (q > 0) {
        row("first instruction, ms", "", number(q * 1000, 1), number(a * 1000, 1), "", "",
            number(ratio(a, q), 2),
            verdict(a > 0 && a < bar["start"], "under " bar["start"] * 1000 " ms"))
    }
}

# Of snapshots: what is at most as much as QEMU's.
function snapshot_row(kernel, text, digits,    q, a) {
    q = median("snapshot " kernel, "qemu")
    a = median("snapshot " kernel, "amphi")
    if (q > 0) {
        row(text, "", number(q, digits), number(a, digits), "", "", number(ratio(a, q), 2),
            verdict(a > 0 && a <= bar["snapshot"] * q, "at most QEMU's"))
    }
}

# A figure of KVM's: KIND-WHAT, from @scale to @unit.
function kvm_row(name, text, unit, scale, digits,    kind, q, a, good) {
    q = median("kvm " name, "qemu") * scale
    a = median("kvm " name, "amphi") * scale
    kind = "kvm " name
    sub(/-.*/, "", kind)
    if (q > 0) {
        good = a > 0 && a <= bar[kind] * q && (kind != "kvm resident" || a <= bar["kvm resident MiB"])
        row(text ", " unit, "", number(q, digits), number(a, digits), "", "", number(ratio(a, q), 2),
            verdict(good, kind == "kvm work" ? "equal" : "at most " bar[kind] " of QEMU's" \
                (kind == "kvm resident" ? ", and " bar["kvm resident MiB"] " MiB" : "")))
    }
}

function kvm_rows(    i, part) {
    kvm_row("start-microvm", "kvm: first instruction, microvm", "ms", 1000, 2)
    kvm_row("start-q35", "kvm: first instruction, q35", "ms", 1000, 2)
    kvm_row("init-microvm", "kvm: to init, microvm", "s", 1, 3)
    kvm_row("init-q35", "kvm: to init, q35 with SeaBIOS", "s", 1, 3)
    kvm_row("exit-ports", "kvm: exit for a port", "us", 1, 2)
    kvm_row("exit-memory", "kvm: exit for memory", "us", 1, 2)
    kvm_row("resident-microvm", "kvm: resident but for the guest's, microvm", "MiB", 1 / 1024, 1)
    kvm_row("resident-q35", "kvm: resident but for the guest's, q35", "MiB", 1 / 1024, 1)
    for (i = 1; i <= names; i++) {
        split(order[i], part, " ")
        if (part[1] == "kvm" && part[2] ~ /^work-/) {
            kvm_row(part[2], "kvm: guest's work, " substr(part[2], 6), "s", 1, 3)
        }
    }
}

END {
    while ((getline line < description) > 0) {
        print format == "markdown" ? "- " line : line
    }
    print ""
    head()
    group = ""
    for (i = 1; i <= names; i++) {
        split(order[i], part, " ")
        if (part[1] == "boot") {
            boots = 1
            continue
        }
        if (part[1] == "snapshot") {
            snapshots = 1
            continue
        }
        if (part[1] == "kvm") {
            kvm++
            continue
        }
        if (part[1] != group) {
            finish_group(group)
            group = part[1]
            kernels = natives = log_gain = log_qemu = log_amphi = 0
        }
        kernel_row(order[i])
    }
    finish_group(group)
    crowd_row()
    if (boots) { boot_rows() }
    if (snapshots) {
        snapshot_row("save", "savevm, s", 3)
        snapshot_row("loadvm", "loadvm, s", 3)
        snapshot_row("load", "-loadvm to run, s", 3)
        snapshot_row("size", "its size, MiB", 1)
    }
    if (kvm) { kvm_rows() }
    for (name in differs) {
        printf "%s", differs[name] > "/dev/stderr"
        missing++
    }
    if (short) { printf "\n%d figures fall short of their bar.\n", short }
    exit missing > 0 || (strict && short > 0)
}
