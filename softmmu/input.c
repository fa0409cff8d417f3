/*
 * Keyboard and pointer: see input.h.
 */
#include "softmmu/input.h"
#include "softmmu/machine.h"
#include <linux/input-event-codes.h>
#include <string.h>

typedef struct InputDevice {
    const InputOps *ops;
    void *opaque;
} InputDevice;

void input_add_device(Machine *machine, const InputOps *ops, void *opaque)
{
    InputDevice device = {ops, opaque};
    if (!machine->inputs) {
        machine->inputs = g_array_new(false, false, sizeof(InputDevice));
    }
    g_array_append_val(machine->inputs, device);
}

void input_remove_device(Machine *machine, void *opaque)
{
    for (unsigned i = machine->inputs ? machine->inputs->len : 0; i-- > 0;) {
        if (g_array_index(machine->inputs, InputDevice, i).opaque == opaque) {
            g_array_remove_index(machine->inputs, i);
        }
    }
}

static bool takes_keys(const InputOps *ops)
{
    return ops->key;
}

static bool takes_moves(const InputOps *ops)
{
    return ops->move;
}

static const InputDevice *find_device(Machine *machine, bool (*takes)(const InputOps *ops))
{
    const InputDevice *found = NULL;
    for (unsigned i = machine->inputs ? machine->inputs->len : 0; i-- > 0;) {
        const InputDevice *device = &g_array_index(machine->inputs, InputDevice, i);
        if (takes(device->ops)) {
            if (!device->ops->ready || device->ops->ready(device->opaque)) {
                return device;
            }
            found = found ? found : device;
        }
    }
    return found;
}

bool input_key(Machine *machine, unsigned key, bool down)
{
    const InputDevice *device = find_device(machine, takes_keys);
    if (device) {
        device->ops->key(device->opaque, key, down);
    }
    return device;
}

bool input_move(Machine *machine, int dx, int dy, int wheel, unsigned buttons)
{
    const InputDevice *device = find_device(machine, takes_moves);
    if (device) {
        device->ops->move(device->opaque, dx, dy, wheel, buttons);
    }
    return device;
}

unsigned input_count_pointers(Machine *machine)
{
    unsigned n = 0;
    for (unsigned i = 0; machine->inputs && i < machine->inputs->len; i++) {
        n += g_array_index(machine->inputs, InputDevice, i).ops->move != NULL;
    }
    return n;
}

/* Names as QEMU's monitor has them. */
static const struct {
    const char *name;
    unsigned key;
} names[] = {
    {"shift", KEY_LEFTSHIFT},
    {"shift_r", KEY_RIGHTSHIFT},
    {"alt", KEY_LEFTALT},
    {"alt_r", KEY_RIGHTALT},
    {"ctrl", KEY_LEFTCTRL},
    {"ctrl_r", KEY_RIGHTCTRL},
    {"menu", KEY_COMPOSE},
    {"esc", KEY_ESC},
    {"1", KEY_1},
    {"2", KEY_2},
    {"3", KEY_3},
    {"4", KEY_4},
    {"5", KEY_5},
    {"6", KEY_6},
    {"7", KEY_7},
    {"8", KEY_8},
    {"9", KEY_9},
    {"0", KEY_0},
    {"minus", KEY_MINUS},
    {"equal", KEY_EQUAL},
    {"backspace", KEY_BACKSPACE},
    {"tab", KEY_TAB},
    {"q", KEY_Q},
    {"w", KEY_W},
    {"e", KEY_E},
    {"r", KEY_R},
    {"t", KEY_T},
    {"y", KEY_Y},
    {"u", KEY_U},
    {"i", KEY_I},
    {"o", KEY_O},
    {"p", KEY_P},
    {"bracket_left", KEY_LEFTBRACE},
    {"bracket_right", KEY_RIGHTBRACE},
    {"ret", KEY_ENTER},
    {"a", KEY_A},
    {"s", KEY_S},
    {"d", KEY_D},
    {"f", KEY_F},
    {"g", KEY_G},
    {"h", KEY_H},
    {"j", KEY_J},
    {"k", KEY_K},
    {"l", KEY_L},
    {"semicolon", KEY_SEMICOLON},
    {"apostrophe", KEY_APOSTROPHE},
    {"grave_accent", KEY_GRAVE},
    {"backslash", KEY_BACKSLASH},
    {"z", KEY_Z},
    {"x", KEY_X},
    {"c", KEY_C},
    {"v", KEY_V},
    {"b", KEY_B},
    {"n", KEY_N},
    {"m", KEY_M},
    {"comma", KEY_COMMA},
    {"dot", KEY_DOT},
    {"slash", KEY_SLASH},
    {"asterisk", KEY_KPASTERISK},
    {"spc", KEY_SPACE},
    {"caps_lock", KEY_CAPSLOCK},
    {"f1", KEY_F1},
    {"f2", KEY_F2},
    {"f3", KEY_F3},
    {"f4", KEY_F4},
    {"f5", KEY_F5},
    {"f6", KEY_F6},
    {"f7", KEY_F7},
    {"f8", KEY_F8},
    {"f9", KEY_F9},
    {"f10", KEY_F10},
    {"f11", KEY_F11},
    {"f12", KEY_F12},
    {"num_lock", KEY_NUMLOCK},
    {"scroll_lock", KEY_SCROLLLOCK},
    {"home", KEY_HOME},
    {"end", KEY_END},
    {"pgup", KEY_PAGEUP},
    {"pgdn", KEY_PAGEDOWN},
    {"left", KEY_LEFT},
    {"right", KEY_RIGHT},
    {"up", KEY_UP},
    {"down", KEY_DOWN},
    {"insert", KEY_INSERT},
    {"delete", KEY_DELETE},
    {"print", KEY_SYSRQ},
    {"meta_l", KEY_LEFTMETA},
    {"meta_r", KEY_RIGHTMETA},
    {"kp_enter", KEY_KPENTER},
    {"less", KEY_102ND},
};

unsigned input_key_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(names[i].name, name)) {
            return names[i].key;
        }
    }
    return 0;
}
