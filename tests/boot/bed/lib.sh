# Steps that the bed's cases are made of. They run in a directory of the case's own; a step that fails says why in a line
# and ends the case.

LIMIT=300 # seconds for a step: the bed's processors are slow, and shared

fail() { echo "$*"; exit 1; }

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
    echo $amphi_pid >> pids
    exec 3<> commands
}

# What a case leaves behind.
clean_up()
{
    for pid in $(cat pids 2> /dev/null); do kill -9 "$pid" 2> /dev/null; done
    [ ! -e port ] || rmdir /tmp/port.lock
}

monitor() { echo "$*" >&3; }

running() { kill -0 $amphi_pid 2> /dev/null; }

# await TEXT [TIMES [FILE]]: until the guest has printed it (an extended regular expression) so many times.
await()
{
    tries=0
    while [ "$(grep -cE "$1" "${3:-serial}")" -lt "${2:-1}" ]; do
        running || fail "amphi ended (before '$1'): $(tail -n 1 monitor)"
        tries=$((tries + 1))
        [ $tries -lt $((LIMIT * 3)) ] || fail "no '$1' within $LIMIT s"
        usleep 300000
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

# Until amphi ends, with status $1 (0).
await_end()
{
    tries=0
    while running; do
        tries=$((tries + 1))
        [ $tries -lt $((LIMIT * 3)) ] || fail "amphi did not end within $LIMIT s"
        usleep 300000
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
        -append "console=ttyS0 panic=-1 quiet $words" -no-reboot "$@"
}

# The guest powers off.
linux_off()
{
    await_end
    says 'guest: off'
}

# The same, and its kernel had no complaint.
linux_ends()
{
    linux_off
    says 'guest: complaints 0'
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
    echo $receiver >> pids
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
