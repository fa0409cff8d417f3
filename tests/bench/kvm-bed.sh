# What tests/bench/kvm runs in the bed: each figure of QEMU's, then of amphi's. Prints lines BENCH WHO NAME VALUE.
serial="-accel kvm -cpu host -m 256 -nodefaults -display none -serial stdio -monitor none"

# stopwatch's three numbers: seconds, KiB in all, KiB without the guest's memory.
watch() # WHO FROM TEXT ARGUMENT...
{
    who=$1 from=$2 text=$3
    shift 3
    case $who in qemu) set -- qemu-system-x86_64 $serial "$@" ;; amphi) set -- amphi $serial "$@" ;; esac
    rm -f /tmp/time
    stopwatch -t 900 -e -x 128 ${from:+-f $from} -o /tmp/time "$text" "$@" > /tmp/output 2>&1
    if [ -e /tmp/time ]; then cat /tmp/time; else echo "BENCH error $who $*: $(tail -n 3 /tmp/output)" >&2; fi
}

# The median of some.
median() { sort -n | awk '{ value[NR] = $1 } END { if (NR) { print value[int((NR + 1) / 2)] } }'; }

figure() { [ -z "$3" ] || echo "BENCH $1 $2 $3"; }

starts() # WHO MACHINE
{
    figure $1 start-$2 "$(for try in 1 2 3; do watch $1 "" '!' -M $2 -bios /bed/exits.bin; done | median)"
}

boots() # WHO MACHINE ARGUMENT...
{
    who=$1 machine=$2
    shift 2
    set -- $(watch $who "" "guest: up" -M $machine "$@")
    figure $who init-$machine $1
    figure $who resident-$machine $(($3))
}

exits() # WHO NAME TEXT: microseconds for each of 4000
{
    figure $1 exit-$2 "$(watch $1 $2 $3 -M q35 -bios /bed/exits.bin | awk '{ print $1 * 1e6 / 4000 }')"
}

# A guest's time for a program that never leaves it.
works() # WHO
{
    stopwatch -t 900 -e "BENCH end" $(case $1 in qemu) echo qemu-system-x86_64 ;; amphi) echo amphi ;; esac) $serial \
        -M microvm -kernel /bed/cloud-kernel -initrd /bed/initramfs-bench.cpio.gz \
        -append "console=ttyS0 quiet rdinit=/tests/bench -- $(cat /bed/kernels)" > /tmp/output 2>&1
    tr -d '\r' < /tmp/output | awk -v who=$1 '$1 == "BENCH" && NF == 5 { print "BENCH", who, "work-" $3, $4, $5 }'
}

for who in qemu amphi; do
    starts $who microvm
    starts $who q35
    exits $who ports memory
    exits $who memory end
    boots $who microvm -kernel /bed/cloud-kernel -initrd /bed/initramfs.cpio.gz -append "console=ttyS0 quiet amphi.wait"
    boots $who q35 -drive file=/bed/grub.img,format=raw,snapshot=on
    works $who
done
echo "BENCH done"
