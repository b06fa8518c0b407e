/* A PKCS#11 module that hands every call to another one, and makes chosen calls fail: for tests.
 *
 * PKCS11_FAULT_MODULE  the module that does the work.
 * PKCS11_FAULT         faults, with commas between them: CALL:AFTER:WHAT, such as C_Sign:5:0x30.
 *                      The first AFTER calls of that name pass. The next one fails, and with a "+"
 *                      behind WHAT each later one, too. WHAT is one of
 *                        a CKR_ number, as C writes it
 *                        crash   the process ends by a signal
 *                        hang    the call does not return
 *                        slow    the call takes a second longer
 *                        gone    from now on, no slot has a token, and the token was removed
 *                        chat    the module writes to standard output and standard error
 *                        turnN   the private key's attribute of the number N is the other way round
 *                                (C_GenerateKeyPair)
 *                        garbage the call succeeds, and what it gives out is overwritten (C_Sign)
 * PKCS11_FAULT_AWAY    a file; as long as it exists, no slot has a token.
 * PKCS11_FAULT_FLAGS   a number whose bits are set in the flags of every token.
 * PKCS11_FAULT_WITHOUT the number of a mechanism that no token has.
 * PKCS11_FAULT_LOG     a file to which the name of each call is appended, one a line.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CKR_OK 0x0UL
#define CKR_GENERAL_ERROR 0x5UL
#define CKR_DEVICE_REMOVED 0x32UL
#define VENDOR_DEFINED 0x80000000UL
#define FLAGS_OFFSET 96 /* of CK_TOKEN_INFO: behind label, manufacturerID, model, serialNumber */

typedef unsigned long word;
/* Every argument of PKCS#11 is a number or a pointer, and no function has more than eight. */
typedef word (*call)(word, word, word, word, word, word, word, word);

/* In the order of CK_FUNCTION_LIST (PKCS#11 2.40). */
#define EACH(DO)                                                                                  \
    DO(C_Initialize) DO(C_Finalize) DO(C_GetInfo) DO(C_GetFunctionList) DO(C_GetSlotList)         \
    DO(C_GetSlotInfo) DO(C_GetTokenInfo) DO(C_GetMechanismList) DO(C_GetMechanismInfo)            \
    DO(C_InitToken) DO(C_InitPIN) DO(C_SetPIN) DO(C_OpenSession) DO(C_CloseSession)               \
    DO(C_CloseAllSessions) DO(C_GetSessionInfo) DO(C_GetOperationState)                           \
    DO(C_SetOperationState) DO(C_Login) DO(C_Logout) DO(C_CreateObject) DO(C_CopyObject)          \
    DO(C_DestroyObject) DO(C_GetObjectSize) DO(C_GetAttributeValue) DO(C_SetAttributeValue)       \
    DO(C_FindObjectsInit) DO(C_FindObjects) DO(C_FindObjectsFinal) DO(C_EncryptInit)              \
    DO(C_Encrypt) DO(C_EncryptUpdate) DO(C_EncryptFinal) DO(C_DecryptInit) DO(C_Decrypt)          \
    DO(C_DecryptUpdate) DO(C_DecryptFinal) DO(C_DigestInit) DO(C_Digest) DO(C_DigestUpdate)       \
    DO(C_DigestKey) DO(C_DigestFinal) DO(C_SignInit) DO(C_Sign) DO(C_SignUpdate) DO(C_SignFinal)  \
    DO(C_SignRecoverInit) DO(C_SignRecover) DO(C_VerifyInit) DO(C_Verify) DO(C_VerifyUpdate)      \
    DO(C_VerifyFinal) DO(C_VerifyRecoverInit) DO(C_VerifyRecover) DO(C_DigestEncryptUpdate)       \
    DO(C_DecryptDigestUpdate) DO(C_SignEncryptUpdate) DO(C_DecryptVerifyUpdate) DO(C_GenerateKey) \
    DO(C_GenerateKeyPair) DO(C_WrapKey) DO(C_UnwrapKey) DO(C_DeriveKey) DO(C_SeedRandom)          \
    DO(C_GenerateRandom) DO(C_GetFunctionStatus) DO(C_CancelFunction) DO(C_WaitForSlotEvent)

enum {
#define NUMBER(name) number_##name,
    EACH(NUMBER) NUMBERS
};
static const char *const names[] = {
#define NAME(name) #name,
    EACH(NAME)
};

struct attribute {
    word type;
    void *value;
    word length;
};

struct list {
    unsigned char version[2];
    call functions[NUMBERS];
};

static struct list *real, ours;
static long counts[NUMBERS];
static int is_gone;

/* What is to happen to this call; empty for nothing. */
static const char *fault_of(int number, long count, char *what, size_t size)
{
    const char *faults = getenv("PKCS11_FAULT");
    char name[64], kind[32];
    long after;
    int length;
    *what = 0;
    while (faults != NULL && *faults) {
        if (sscanf(faults, "%63[^:]:%ld:%31[^,]%n", name, &after, kind, &length) != 3)
            abort(); /* the test is wrong */
        size_t end = strlen(kind);
        int stays = kind[end - 1] == '+';
        if (stays)
            kind[end - 1] = 0;
        if (strcmp(name, names[number]) == 0 && (count == after || (stays && count > after)))
            snprintf(what, size, "%s", kind);
        faults += length;
        faults += *faults == ',';
    }
    return what;
}

static void note(int number)
{
    const char *path = getenv("PKCS11_FAULT_LOG");
    FILE *file = path == NULL ? NULL : fopen(path, "a");
    if (file != NULL) {
        fprintf(file, "%s\n", names[number]);
        fclose(file);
    }
}

static void hide_mechanism(word *mechanisms, word count)
{
    const char *hidden = getenv("PKCS11_FAULT_WITHOUT");
    for (word place = 0; hidden != NULL && place < count; place++)
        if (mechanisms[place] == strtoul(hidden, NULL, 0))
            mechanisms[place] = VENDOR_DEFINED;
}

static void turn(struct attribute *attributes, word count, word type)
{
    for (word place = 0; place < count; place++)
        if (attributes[place].type == type)
            *(unsigned char *)attributes[place].value ^= 1;
}

static word through(int number, word a, word b, word c, word d, word e, word f, word g, word h)
{
    char what[32];
    note(number);
    fault_of(number, counts[number]++, what, sizeof what);
    if (strcmp(what, "crash") == 0)
        abort();
    while (strcmp(what, "hang") == 0)
        pause();
    if (strcmp(what, "slow") == 0)
        sleep(1);
    if (strncmp(what, "turn", 4) == 0)
        turn((struct attribute *)e, f, strtoul(what + 4, NULL, 0));
    if (strcmp(what, "chat") == 0) {
        puts("the module writes to standard output");
        fflush(stdout);
        fputs("the module writes to standard error\n", stderr);
    }
    is_gone |= strcmp(what, "gone") == 0;
    const char *away = getenv("PKCS11_FAULT_AWAY");
    int is_away = is_gone || (away != NULL && access(away, F_OK) == 0);
    if (is_away && number == number_C_GetSlotList) {
        *(word *)c = 0;
        return CKR_OK;
    }
    if (is_away && number > number_C_GetFunctionList)
        return CKR_DEVICE_REMOVED;
    if (*what >= '0' && *what <= '9')
        return strtoul(what, NULL, 0);
    word result = real->functions[number](a, b, c, d, e, f, g, h);
    if (number == number_C_GetTokenInfo && result == CKR_OK && getenv("PKCS11_FAULT_FLAGS"))
        *(word *)(b + FLAGS_OFFSET) |= strtoul(getenv("PKCS11_FAULT_FLAGS"), NULL, 0);
    if (number == number_C_GetMechanismList && result == CKR_OK && b != 0)
        hide_mechanism((word *)b, *(word *)c);
    if (strcmp(what, "garbage") == 0 && number == number_C_Sign && d != 0)
        memset((void *)d, 0x2a, *(word *)e);
    return result;
}

#define WRAP(name)                                                                                \
    static word wrapped_##name(word a, word b, word c, word d, word e, word f, word g, word h)    \
    {                                                                                             \
        return through(number_##name, a, b, c, d, e, f, g, h);                                    \
    }
EACH(WRAP)

word C_GetFunctionList(struct list **found);

word C_GetFunctionList(struct list **found)
{
    const char *path = getenv("PKCS11_FAULT_MODULE");
    void *module = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    word (*get)(struct list **) = NULL;
    char what[32];
    fault_of(number_C_GetFunctionList, counts[number_C_GetFunctionList]++, what, sizeof what);
    while (strcmp(what, "hang") == 0)
        pause();
    if (module != NULL)
        *(void **)&get = dlsym(module, "C_GetFunctionList");
    if (get == NULL || get(&real) != CKR_OK)
        return CKR_GENERAL_ERROR;
    memcpy(ours.version, real->version, sizeof ours.version);
#define SET(name) ours.functions[number_##name] = wrapped_##name;
    EACH(SET)
    *found = &ours;
    return CKR_OK;
}
