/*
 * QMP's commands and events. See qmp-internal.h for the notation of types.
 */
#include "softmmu/base/error.h"
#include "ui/qmp-internal.h"
#include <string.h>

#define VERSION "{qemu:{major:int,minor:int,micro:int},package:str}"
#define NAMED "[{name:str}]"
#define PROPERTIES "[{name:str,type:str,description?:str}]"

const QmpCommand qmp_commands[] = {
    {"balloon", "{value:int}", NULL, qmp_balloon},
    {"cont", "{}", NULL, qmp_cont},
    {"device-list-properties", "{typename:str}", PROPERTIES, qmp_device_list_properties},
    {"human-monitor-command", "{command-line:str,cpu-index?:int}", "str",
     qmp_human_monitor_command},
    {"qmp_capabilities", "{enable?:[str]}", NULL, NULL},
    {"qom-get", "{path:str,property:str}", "any", qmp_qom_get},
    {"qom-list-properties", "{typename:str}", PROPERTIES, qmp_qom_list_properties},
    {"qom-list-types", "{implements?:str,abstract?:bool}",
     "[{name:str,abstract?:bool,parent?:str}]", qmp_qom_list_types},
    {"qom-set", "{path:str,property:str,value:any}", NULL, qmp_qom_set},
    {"query-balloon", "{}", "{actual:int}", qmp_query_balloon},
    {"query-block", "{}",
     "[{device:str,qdev?:str,type:str,removable:bool,locked:bool,inserted:{file:str,node-name:str,"
     "ro:bool,drv:str,image:{filename:str,format:str,virtual-size:int}}}]",
     qmp_query_block},
    {"query-chardev", "{}", "[{label:str,filename:str,frontend-open:bool}]", qmp_query_chardev},
    {"query-chardev-backends", "{}", NAMED, qmp_query_chardev_backends},
    {"query-command-line-options", "{option?:str}",
     "[{option:str,parameters:[{name:str,type:str,help?:str}]}]", qmp_query_command_line_options},
    {"query-commands", "{}", NAMED, qmp_query_commands},
    {"query-cpu-definitions", "{}",
     "[{name:str,typename:str,static:bool,deprecated:bool,unavailable-features:[str]}]",
     qmp_query_cpu_definitions},
    {"query-cpu-model-expansion", "{type:str,model:{name:str,props?:any}}",
     "{model:{name:str,props:any}}", qmp_query_cpu_model_expansion},
    {"query-cpus-fast", "{}",
     "[{cpu-index:int,qom-path:str,thread-id:int,target:str,props:{core-id:int}}]",
     qmp_query_cpus_fast},
    {"query-iothreads", "{}", "[any]", qmp_query_iothreads},
    {"query-kvm", "{}", "{enabled:bool,present:bool}", qmp_query_kvm},
    {"query-machines", "{}",
     "[{name:str,is-default?:bool,cpu-max:int,hotpluggable-cpus:bool,numa-mem-supported:bool,"
     "deprecated:bool,default-cpu-type?:str}]",
     qmp_query_machines},
    {"query-memory-size-summary", "{}", "{base-memory:int}", qmp_query_memory_size_summary},
    {"query-migrate-capabilities", "{}", "[{capability:str,state:bool}]",
     qmp_query_migrate_capabilities},
    {"query-name", "{}", "{name?:str}", qmp_query_name},
    {"query-qmp-schema", "{}", "[any]", qmp_query_qmp_schema},
    {"query-status", "{}", "{running:bool,singlestep:bool,status:str}", qmp_query_status},
    {"query-target", "{}", "{arch:str}", qmp_query_target},
    {"query-uuid", "{}", "{UUID:str}", qmp_query_uuid},
    {"query-version", "{}", VERSION, qmp_query_version},
    {"quit", "{}", NULL, qmp_quit},
    {"screendump", "{filename:str,device?:str,head?:int,format?:str}", NULL, qmp_screendump},
    {"stop", "{}", NULL, qmp_stop},
    {"system_powerdown", "{}", NULL, qmp_system_powerdown},
    {"system_reset", "{}", NULL, qmp_system_reset},
    {0},
};

const QmpEvent qmp_events[] = {
    {"BALLOON_CHANGE", "{actual:int}"},
    {"BLOCK_IO_ERROR",
     "{device:str,node-name:str,operation:str,action:str,nospace:bool,reason:str}"},
    {"POWERDOWN", NULL},
    {"RESET", "{guest:bool,reason:str}"},
    {"RESUME", NULL},
    {"SHUTDOWN", "{guest:bool,reason:str}"},
    {"STOP", NULL},
    {0},
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
                nearest ? "there is no command '%.64s'; did you mean '%s'?"
                        : "there is no command '%.64s'; query-commands lists them",
                name, nearest);
    return NULL;
}
