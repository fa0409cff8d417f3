# Steps that the bed's cases are made of. They run in a directory of the case's own; a step that fails says why in a line
# and ends the case.

LIMIT=600 # seconds that a step may take without any progress: the bed's processors are slow, and the host may be busy

# The end of the case, but where an amphi that still runs is goes to the file monitor before.
fail()
{
    echo "$*"
    if [ -n "$amphi_pid" ] && running; then
        monitor "info exits"
        monitor "info registers -a"
        sleep 3
    fi
    exit 1
}

now() { cut -d' ' -f1 /proc/uptime; }

# Standard input to the console, which is for one at a time.
tell()
{
    until mkdir /tmp/console.lock 2> /dev/null; do usleep 20000; done
    cat > /dev/console
    rmdir /tmp/console.lock
}

# Begin to wait, as long as one is patient.
wait_begin()
{
    read -r waited_since _ < /proc/uptime
    waited_since=${waited_since%.*} said=
}

# Have a nap, not a short one: to start a program costs the bed 20 ms. False if LIMIT seconds are over since the wait began,
# or since the file $1 last grew.
patient()
{
    usleep 700000
    read -r uptime _ < /proc/uptime
    uptime=${uptime%.*}
    size=$(stat -c %s "$1")
    [ "$size" = "$said" ] || waited_since=$uptime said=$size
    [ $((uptime - waited_since)) -lt $LIMIT ]
}

# ---- An amphi that runs ----

# start ARGUMENT...: amphi in the background. Its monitor reads what monitor() says and writes to the file monitor; the
# guest's serial port goes to the file serial.
#
# The guest's processor has no XSAVE. The bed's QEMU 7.2 does not intercept XSETBV (8.2 does), so KVM never learns of the
# guest's XCR0, and CPUID's leaf 0xd keeps the size for the XCR0 after a reset: Linux finds an "XSAVE consistency
# problem: size 2696 != kernel_size 576" with -cpu max, 832 with x86-64-v3, and does without. Under QEMU -accel kvm it
# does the same.
start()
{
    rm -f commands serial monitor
    mkfifo commands
    : > serial
    amphi -accel kvm -cpu "${CPU:-x86-64-v2}" -m "${MEMORY:-256}" -display none -monitor stdio -serial file:serial "$@" \
        < commands > monitor 2>&1 &
    amphi_pid=$!
    exec 3<> commands
}

monitor() { echo "$*" >&3; }

running() { kill -0 $amphi_pid 2> /dev/null; }

# await TEXT [TIMES [FILE]]: until the guest has printed it (an extended regular expression) so many times.
await()
{
    wait_begin
    while [ "$(grep -cE "$1" "${3:-serial}")" -lt "${2:-1}" ]; do
        running || fail "amphi ended (before '$1'): $(tail -n 1 monitor)"
        patient "${3:-serial}" || fail "no '$1' within $LIMIT s"
    done
}

# What the monitor answers to a command: all until it has answered one more, which prints 0x1092.
ask()
{
    lines=$(wc -l < monitor)
    answers=$(grep -c 0x1092 monitor)
    monitor "$1"
    monitor "print 4242"
    await 0x1092 $((answers + 1)) monitor
    tail -n +$((lines + 1)) monitor
}

# Until amphi ends, with status $1 (0); the file $2 (serial) grows as long as there is progress.
await_end()
{
    wait_begin
    while running; do
        patient "${2:-serial}" || fail "amphi did not end within $LIMIT s"
    done
    wait $amphi_pid
    status=$?
    [ $status = "${1:-0}" ] || fail "amphi ended with status $status: $(tail -n 1 monitor)"
    exec 3>&-
}

# says TEXT: the guest has printed it.
says() { grep -qE "$1" serial || fail "the guest does not say '$1'"; }

# ---- Linux ----

# start_linux WORDS ARGUMENT...: the cloud kernel (or KERNEL, with INITRD), with the words on its command line.
start_linux()
{
    words=$1
    shift
    start -kernel "${KERNEL:-/bed/cloud-kernel}" -initrd "${INITRD:-/bed/initramfs.cpio.gz}" \
        -append "console=ttyS0 panic=-1 quiet rcupdate.rcu_cpu_stall_timeout=$((LIMIT / 2)) $words" -no-reboot "$@"
}

# The guest powers off, and its kernel had no complaint.
linux_ends()
{
    await_end
    says 'guest: complaints 0'
    says 'guest: off'
}

# linux WORDS ARGUMENT...: from start to power-off.
linux()
{
    start_linux "$@"
    linux_ends
}

# With the full kernel's drivers, as an ELF file with PVH's entry point.
linux_full()
{
    KERNEL=/bed/vmlinux INITRD=/bed/initramfs-full.cpio.gz linux "$@"
}

digest() { md5sum | cut -d' ' -f1; }

# make_disk FILE MIB: random bytes.
make_disk() { head -c $(($2 << 20)) /dev/urandom > "$1"; }

# check_disk FILE NAME: the guest has read its first half, and copied it to the second.
check_disk()
{
    half=$(($(stat -c %s "$1") / 2))
    first=$(head -c $half "$1" | digest)
    says "guest: disk $2 $first"
    says "guest: copy $2 $first"
    [ "$(tail -c $half "$1" | digest)" = "$first" ] || fail "what the guest wrote to $2 is not on the disk"
}

# Serve one connection of the guest's network: what it sends goes to the file received. The guest reaches the bed's
# loopback as 10.0.2.2.
receive()
{
    until mkdir /tmp/port.lock 2> /dev/null; do usleep 200000; done # one case at a time
    mkfifo hold # for a standard input without end: nc passes that on
    nc -l -p 8001 <> hold > received &
    receiver=$!
    : > port
}

# check_net DRIVER: the guest got an address, and the same file came to it and back.
check_net()
{
    wait $receiver
    sum=$(digest < /bed/www/data)
    says "guest: net $1 10.0.2.15 10.0.2.2"
    says "guest: got $sum"
    [ "$(digest < received)" = "$sum" ] || fail "what the guest sent did not arrive whole"
}
