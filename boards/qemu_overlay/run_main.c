// At power-on: run main.py of QEMU's folder and end QEMU with its exit code; without a main.py, the usual prompt.
#include "host_file.h"
#include "py/compile.h"
#include "py/runtime.h"
#include "semihosting.h"

int __real_pyexec_friendly_repl(void);
int __wrap_pyexec_friendly_repl(void);

// The exit code of an uncaught exception: sys.exit's argument, or 1 with the traceback printed.
static int exit_code_of(mp_obj_t exception)
{
    const mp_obj_type_t *type = mp_obj_get_type(exception);
    if (mp_obj_is_subclass_fast(MP_OBJ_FROM_PTR(type), MP_OBJ_FROM_PTR(&mp_type_SystemExit))) {
        mp_obj_t value = mp_obj_exception_get_value(exception);
        mp_int_t code = 1;
        if (value == mp_const_none) {
            return 0;
        }
        if (!mp_obj_get_int_maybe(value, &code)) {
            mp_obj_print_helper(&mp_plat_print, value, PRINT_STR);
            mp_print_str(&mp_plat_print, "\n");
        }
        return (int)code;
    }
    mp_obj_print_exception(&mp_plat_print, exception);
    return 1;
}

static int run_main(void)
{
    nlr_buf_t nlr;
    if (nlr_push(&nlr) != 0) {
        return exit_code_of(MP_OBJ_FROM_PTR(nlr.ret_val));
    }
    mp_lexer_t *lexer = mp_lexer_new_from_file(qstr_from_str("main.py"));
    mp_parse_tree_t tree = mp_parse(lexer, MP_PARSE_FILE_INPUT);
    mp_call_function_0(mp_compile(&tree, qstr_from_str("main.py"), false));
    nlr_pop();
    return 0;
}

// MicroPython's exit() loses the code on Arm: the plain call has no room for it.
static void exit_qemu(int code)
{
    static const uint32_t application_exit = 0x20026;
    uint32_t arguments[] = { application_exit, (uint32_t)code };
    semihosting_call(SEMIHOSTING_EXIT_EXTENDED, arguments);
}

int __wrap_pyexec_friendly_repl(void)
{
    host_files_mount();
    if (!host_file_exists("main.py")) {
        return __real_pyexec_friendly_repl();
    }
    exit_qemu(run_main());
    return 0;
}
