/*
 * QMP's commands and events. See qmp-internal.h for the notation of types.
 */
#include "softmmu/base/error.h"
#include "ui/qmp-internal.h"
#include <string.h>

#define VERSION "{qemu:{major:int,minor:int,micro:int},package:str}"
#define NAMED "[{name:str}]"
#define PROPERTIES "[{name:str,type:str,description?:str}]"

#define MEDIUM                                                                                     \
    "{file:str,node-name:str,ro:bool,drv:str,encrypted:bool,backing_file?:str,"                    \
    "backing_file_depth:int,detect_zeroes:str,bps:int,bps_rd:int,bps_wr:int,iops:int,iops_rd:int," \
    "iops_wr:int,write_threshold:int,cache:{writeback:bool,direct:bool,no-flush:bool},"            \
    "image:{filename:str,format:str,virtual-size:int,actual-size:int,dirty-flag:bool,"             \
    "backing-filename?:str}}"

#define PCI_FUNCTION                                                                        \
    "{bus:int,slot:int,function:int,qdev_id:str,class_info:{class:int,desc?:str},"          \
    "id:{vendor:int,device:int,subsystem-vendor?:int,subsystem?:int},irq?:int,irq_pin:int," \
    "regions:[{bar:int,type:str,address:int,size:int,prefetch?:bool,mem_type_64?:bool}]}"

const QmpCommand qmp_commands[] = {
    {"add-fd", "{fdset-id?:int,opaque?:str}", "{fdset-id:int,fd:int}", .run_with_fds = qmp_add_fd},
    {"balloon", "{value:int}", NULL, .run = qmp_balloon},
    {"block_resize", "{device?:str,node-name?:str,size:int}", NULL, .run = qmp_block_resize},
    {"blockdev-add", "{driver:str,node-name:str,*?:any}", NULL, .run = qmp_blockdev_add},
    {"blockdev-del", "{node-name:str}", NULL, .run = qmp_blockdev_del},
    {"chardev-add", "{id:str,backend:{type:str,data:{*?:any}}}", "{pty?:str}",
     .run = qmp_chardev_add},
    {"chardev-remove", "{id:str}", NULL, .run = qmp_chardev_remove},
    {"closefd", "{fdname:str}", NULL, .run = qmp_closefd},
    {"cont", "{}", NULL, .run = qmp_cont},
    {"device_add", "{driver:str,bus?:str,id?:str,*?:any}", NULL, .run = qmp_device_add},
    {"device_del", "{id:str}", NULL, .run = qmp_device_del},
    {"device-list-properties", "{typename:str}", PROPERTIES, .run = qmp_device_list_properties},
    {"eject", "{device?:str,id?:str,force?:bool}", NULL, .run = qmp_eject},
    {"getfd", "{fdname:str}", NULL, .run_with_fds = qmp_getfd},
    {"human-monitor-command", "{command-line:str,cpu-index?:int}", "str",
     .run = qmp_human_monitor_command},
    {"input-send-event", "{device?:str,head?:int,events:[{type:str,data:{*?:any}}]}", NULL,
     .run = qmp_input_send_event},
    {"migrate-set-capabilities", "{capabilities:[{capability:str,state:bool}]}", NULL,
     .run = qmp_migrate_set_capabilities},
    {"netdev_add", "{type:str,id:str,*?:any}", NULL, .run = qmp_netdev_add},
    {"netdev_del", "{id:str}", NULL, .run = qmp_netdev_del},
    {"object-add", "{qom-type:str,id:str,*?:any}", NULL, .run = qmp_object_add},
    {"object-del", "{id:str}", NULL, .run = qmp_object_del},
    {"qmp_capabilities", "{enable?:[str]}", NULL, .run = NULL},
    {"qom-get", "{path:str,property:str}", "any", .run = qmp_qom_get},
    {"qom-list", "{path:str}", "[{name:str,type:str}]", .run = qmp_qom_list},
    {"qom-list-properties", "{typename:str}", PROPERTIES, .run = qmp_qom_list_properties},
    {"qom-list-types", "{implements?:str,abstract?:bool}",
     "[{name:str,abstract?:bool,parent?:str}]", .run = qmp_qom_list_types},
    {"qom-set", "{path:str,property:str,value:any}", NULL, .run = qmp_qom_set},
    {"query-balloon", "{}", "{actual:int}", .run = qmp_query_balloon},
    {"query-block", "{}",
     "[{device:str,qdev?:str,type:str,removable:bool,locked:bool,inserted:" MEDIUM "}]",
     .run = qmp_query_block},
    {"query-blockstats", "{query-nodes?:bool}",
     "[{device:str,qdev?:str,node-name:str,stats:{rd_bytes:int,wr_bytes:int,unmap_bytes:int,"
     "rd_operations:int,wr_operations:int,flush_operations:int,unmap_operations:int,"
     "rd_total_time_ns:int,wr_total_time_ns:int,flush_total_time_ns:int,unmap_total_time_ns:int,"
     "wr_highest_offset:int,rd_merged:int,wr_merged:int,unmap_merged:int}}]",
     .run = qmp_query_blockstats},
    {"query-chardev", "{}", "[{label:str,filename:str,frontend-open:bool}]",
     .run = qmp_query_chardev},
    {"query-chardev-backends", "{}", NAMED, .run = qmp_query_chardev_backends},
    {"query-command-line-options", "{option?:str}",
     "[{option:str,parameters:[{name:str,type:str,help?:str}]}]",
     .run = qmp_query_command_line_options},
    {"query-commands", "{}", NAMED, .run = qmp_query_commands},
    {"query-cpu-definitions", "{}",
     "[{name:str,typename:str,static:bool,deprecated:bool,unavailable-features:[str]}]",
     .run = qmp_query_cpu_definitions},
    {"query-cpu-model-expansion", "{type:str,model:{name:str,props?:any}}",
     "{model:{name:str,props:any}}", .run = qmp_query_cpu_model_expansion},
    {"query-cpus-fast", "{}",
     "[{cpu-index:int,qom-path:str,thread-id:int,target:str,props:{core-id:int}}]",
     .run = qmp_query_cpus_fast},
    {"query-current-machine", "{}", "{wakeup-suspend-support:bool}",
     .run = qmp_query_current_machine},
    {"query-fdsets", "{}", "[{fdset-id:int,fds:[{fd:int,opaque?:str}]}]", .run = qmp_query_fdsets},
    {"query-hotpluggable-cpus", "{}", "[any]", .run = qmp_query_hotpluggable_cpus},
    {"query-iothreads", "{}", "[any]", .run = qmp_query_iothreads},
    {"query-kvm", "{}", "{enabled:bool,present:bool}", .run = qmp_query_kvm},
    {"query-machines", "{}",
     "[{name:str,is-default?:bool,cpu-max:int,hotpluggable-cpus:bool,numa-mem-supported:bool,"
     "deprecated:bool,default-cpu-type?:str}]",
     .run = qmp_query_machines},
    {"query-memdev", "{}", "[{id:str,size:int,merge:bool,dump:bool,prealloc:bool,share:bool}]",
     .run = qmp_query_memdev},
    {"query-memory-devices", "{}", "[any]", .run = qmp_query_memory_devices},
    {"query-memory-size-summary", "{}", "{base-memory:int}", .run = qmp_query_memory_size_summary},
    {"query-mice", "{}", "[{name:str,index:int,current:bool,absolute:bool}]",
     .run = qmp_query_mice},
    {"query-migrate-capabilities", "{}", "[{capability:str,state:bool}]",
     .run = qmp_query_migrate_capabilities},
    {"query-named-block-nodes", "{flat?:bool}", "[" MEDIUM "]", .run = qmp_query_named_block_nodes},
    {"query-name", "{}", "{name?:str}", .run = qmp_query_name},
    {"query-pci", "{}", "[{bus:int,devices:[" PCI_FUNCTION "]}]", .run = qmp_query_pci},
    {"query-qmp-schema", "{}", "[any]", .run = qmp_query_qmp_schema},
    {"query-status", "{}", "{running:bool,singlestep:bool,status:str}", .run = qmp_query_status},
    {"query-target", "{}", "{arch:str}", .run = qmp_query_target},
    {"query-uuid", "{}", "{UUID:str}", .run = qmp_query_uuid},
    {"query-version", "{}", VERSION, .run = qmp_query_version},
    {"quit", "{}", NULL, .run = qmp_quit},
    {"remove-fd", "{fdset-id:int,fd?:int}", NULL, .run = qmp_remove_fd},
    {"ringbuf-read", "{device:str,size:int,format?:str}", "str", .run = qmp_ringbuf_read},
    {"screendump", "{filename:str,device?:str,head?:int,format?:str}", NULL, .run = qmp_screendump},
    {"send-key", "{keys:[{type:str,data:any}],hold-time?:int}", NULL, .run = qmp_send_key},
    {"set-action", "{reboot?:str,shutdown?:str}", NULL, .run = qmp_set_action},
    {"stop", "{}", NULL, .run = qmp_stop},
    {"system_powerdown", "{}", NULL, .run = qmp_system_powerdown},
    {"system_reset", "{}", NULL, .run = qmp_system_reset},
    {"system_wakeup", "{}", NULL, .run = qmp_system_wakeup},
    {0},
};

const QmpEvent qmp_events[MACHINE_EVENTS] = {
    [MACHINE_EVENT_STOP] = {"STOP", NULL},
    [MACHINE_EVENT_RESUME] = {"RESUME", NULL},
    [MACHINE_EVENT_RESET] = {"RESET", "{guest:bool,reason:str}"},
    [MACHINE_EVENT_SHUTDOWN] = {"SHUTDOWN", "{guest:bool,reason:str}"},
    [MACHINE_EVENT_POWERDOWN] = {"POWERDOWN", NULL},
    [MACHINE_EVENT_BLOCK_IO_ERROR] =
        {"BLOCK_IO_ERROR",
         "{device:str,node-name:str,operation:str,action:str,nospace:bool,reason:str}"},
    [MACHINE_EVENT_BALLOON_CHANGE] = {"BALLOON_CHANGE", "{actual:int}"},
    [MACHINE_EVENT_GUEST_PANICKED] = {"GUEST_PANICKED", "{action:str}"},
    [MACHINE_EVENT_GUEST_CRASHLOADED] = {"GUEST_CRASHLOADED", "{action:str}"},
};

const QmpCommand *qmp_find_command(const char *name, GError **error)
{
    const char *names[ARRAY_SIZE(qmp_commands)] = {NULL};
    for (unsigned i = 0; qmp_commands[i].name; i++) {
        names[i] = qmp_commands[i].name;
        if (!strcmp(names[i], name)) {
            return &qmp_commands[i];
        }
    }
    const char *nearest = strlen(name) < 64 ? error_nearest(name, names) : NULL;
    g_set_error(error, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND,
                nearest ? "The command %.64s has not been found; did you mean '%s'?"
                        : "The command %.64s has not been found",
                name, nearest);
    return NULL;
}
