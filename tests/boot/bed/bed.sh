# The bed: KVM where there is none. QEMU translates a machine whose processor has SVM, Debian's full kernel runs there
# with kvm-amd, and in it what is to be tested. Sourced by bash scripts, which set tmp (a directory of their own).
#
# The bed has no disk: all that it needs is in its initramfs, in /bed, and what it has to say comes over the serial
# console (bed_run). Its second serial port is the socket $tmp/serial1.

bed_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bed_top=$(cd "$bed_here/../../.." && pwd)
bed_guest=${AMPHI_GUEST_DIR:-$bed_top/build/guest}
[ -z "${AMPHI_GUEST:-}" ] || bed_guest=$(dirname "$AMPHI_GUEST")
bed_guest=$(realpath -m "$bed_guest")/amd64
bed_root=$tmp/bed-root

# Why there can be no bed for $1, an amphi; nothing if there can. Fetches what is missing.
bed_missing()
{
    command -v qemu-system-x86_64 > /dev/null || { echo "no qemu-system-x86_64; install qemu-system-x86"; return; }
    if ldd "$1" | grep -q 'asan\|tsan'; then
        echo "a build with sanitizers is too large for the bed"
        return
    fi
    AMPHI_GUEST_DIR=$(dirname "$bed_guest") "$bed_top/tests/boot/get-amd64" > "$tmp/get-amd64.log" 2>&1 ||
        echo "no Debian packages: $(tail -n 1 "$tmp/get-amd64.log")"
}

# Begin the bed's file tree.
bed_begin()
{
    mkdir -p "$bed_root"/{bin,usr/bin,dev,proc,sys,tmp,bed}
    cp "$bed_guest/busybox" "$bed_root/bin/"
    cp "$bed_here/init" "$bed_root/init"
    chmod 755 "$bed_root/init" "$bed_root/bin/busybox"
    cp "$bed_guest"/kvm-modules/*.ko "$bed_root/bed/"
}

# bed_add_program FILE: into /usr/bin, with the libraries that it needs.
bed_add_program()
{
    local lib
    strip -o "$bed_root/usr/bin/$(basename "$1")" "$1"
    ldd "$1" | grep -oE '/[^ ]+' | while read -r lib; do
        bed_add_file "$lib"
    done
}

# bed_add_file FILE...: at the same place.
bed_add_file()
{
    local file
    for file; do
        mkdir -p "$bed_root$(dirname "$file")"
        cp -L "$file" "$bed_root$file"
    done
}

# bed_run LIMIT SILENCE [OPTIONS]: start the bed and wait for its end. OPTIONS: QEMU's, for how the processor is emulated.
# The console goes to $tmp/console. After LIMIT seconds, or when QEMU has worked for SILENCE seconds (or five times as many
# have gone by) since the bed last said something, it is ended, and bed_end says why; else bed_end is empty.
#
# QEMU 7.2 loses an interrupt now and then: the local APIC has the timer's pending, the processor does not know, and finds
# out when the APIC has something new. (VMRUN and #VMEXIT change what is pending without QEMU's lock, it seems, and timers run
# in another thread; with -icount they do not.) If a guest in the bed then spins, the bed has lost its processor for ever. So
# somebody types now and then, and there is but one processor.
#
# no_timer_check: on a busy host the kernel would find its timer broken. tsc=reliable: it would not believe QEMU's TSC, and ask
# the HPET for the time, which is slow. unknown_nmi_panic: how a bed that hangs is made to say where.
bed_run()
{
    local limit=$1 silence=$2 options=${3:-}
    local begun=$SECONDS spoken=$SECONDS worked=0 size=0 now
    (cd "$bed_root" && find . | cpio --quiet -o -H newc -R 0:0) > "$tmp/bed.cpio"
    rm -f "$tmp/bed-monitor"
    mkfifo "$tmp/bed-monitor" && exec {bed_monitor}<> "$tmp/bed-monitor" || return
    : > "$tmp/console"
    bed_end=
    # It ends with this shell, whatever ends that.
    setpriv --pdeathsig KILL qemu-system-x86_64 -M q35 -smp 1 -accel tcg,thread=single $options -cpu max,+svm \
        -m 3584 -nodefaults -display none -monitor stdio -serial "file:$tmp/console" -serial "unix:$tmp/serial1,server=on,wait=off" -no-reboot \
        -kernel "$bed_guest/vmlinux" -initrd "$tmp/bed.cpio" \
        -append "console=ttyS0 quiet mitigations=off no_timer_check tsc=reliable unknown_nmi_panic panic=-1" \
        <& $bed_monitor > "$tmp/bed-qemu.log" 2>&1 &
    bed_pid=$!
    while kill -0 $bed_pid 2> /dev/null; do
        for _ in 1 2 3 4; do
            sleep 0.25
            [ -n "$options" ] || echo "sendkey shift" >& $bed_monitor
        done
        now=$(stat -c %s "$tmp/console")
        if [ "$now" != $size ]; then
            size=$now spoken=$SECONDS worked=$(bed_work)
        elif [ $(($(bed_work) - worked)) -gt "$silence" ] || [ $((SECONDS - spoken)) -gt $((5 * silence)) ]; then
            bed_end="the bed was silent for $((SECONDS - spoken)) s, in which it worked for $(($(bed_work) - worked)) s"
            bed_ask_why
            break
        fi
        if [ $((SECONDS - begun)) -gt "$limit" ]; then
            bed_end="the bed did not end within $limit s"
            break
        fi
    done
    kill -9 $bed_pid 2> /dev/null
    wait $bed_pid 2> /dev/null
    exec {bed_monitor}>&-
}

# Seconds that QEMU's threads have had a processor.
bed_work()
{
    local stat
    read -r stat 2> /dev/null < "/proc/$bed_pid/stat" || { echo 0; return; }
    set -- ${stat##*) }
    echo $(((${12} + ${13}) / $(getconf CLK_TCK)))
}

# Where a bed that hangs is: its processor's registers, twice, and what its local APIC waits to deliver, to bed-qemu.log; and
# the stacks, which its kernel prints to the console when it panics for an NMI.
bed_ask_why()
{
    for command in "info registers -a" "info lapic" "info registers -a" nmi; do
        echo "$command" >& $bed_monitor
        sleep 5
    done
}
