/* Preloaded into the sensor: its broker's name is known to be this computer's, except while the file that SOAK_NO_DNS names
   is there. Then the system's resolver fails, as it does when no name server answers. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        dlsym(RTLD_NEXT, "getaddrinfo");
    if (node && strcmp(node, "broker.soak") == 0) {
        const char *mark = getenv("SOAK_NO_DNS");
        if (mark && access(mark, F_OK) == 0) {
            return EAI_AGAIN;
        }
        node = "127.0.0.1";
    }
    return real(node, service, hints, found);
}
