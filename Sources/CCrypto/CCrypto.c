#include "CCrypto.h"

#include <dlfcn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a number in a signature on P-256. */
#define SCALAR_BYTES 32
/* A signature as ASN.1 has it: two integers of up to 33 bytes and six bytes around them. */
#define DER_SIGNATURE_BYTES 80
/* The SubjectPublicKeyInfo of the largest RSA key has 1024 bytes of modulus and some forty around them. */
#define MAX_PUBLIC_BYTES 1100

/* The functions of the library that are used here. */
#define FUNCTIONS(X)                                                                                                    \
    X(BN_bin2bn)                                                                                                        \
    X(BN_bn2binpad)                                                                                                     \
    X(BN_free)                                                                                                          \
    X(BN_get_word)                                                                                                      \
    X(BN_num_bits)                                                                                                      \
    X(CRYPTO_memcmp)                                                                                                    \
    X(ECDSA_SIG_free)                                                                                                   \
    X(ECDSA_SIG_get0)                                                                                                   \
    X(ECDSA_SIG_new)                                                                                                    \
    X(ECDSA_SIG_set0)                                                                                                   \
    X(ERR_clear_error)                                                                                                  \
    X(EVP_Digest)                                                                                                       \
    X(EVP_DigestSign)                                                                                                   \
    X(EVP_DigestSignInit_ex)                                                                                            \
    X(EVP_DigestVerify)                                                                                                 \
    X(EVP_DigestVerifyInit_ex)                                                                                          \
    X(EVP_MAC_CTX_free)                                                                                                 \
    X(EVP_MAC_CTX_new)                                                                                                  \
    X(EVP_MAC_fetch)                                                                                                    \
    X(EVP_MAC_final)                                                                                                    \
    X(EVP_MAC_init)                                                                                                     \
    X(EVP_MAC_update)                                                                                                   \
    X(EVP_MD_CTX_free)                                                                                                  \
    X(EVP_MD_CTX_new)                                                                                                   \
    X(EVP_MD_fetch)                                                                                                     \
    X(EVP_PKEY_CTX_free)                                                                                                \
    X(EVP_PKEY_CTX_new_from_pkey)                                                                                       \
    X(EVP_PKEY_free)                                                                                                    \
    X(EVP_PKEY_get_bn_param)                                                                                            \
    X(EVP_PKEY_get_bits)                                                                                                \
    X(EVP_PKEY_get_utf8_string_param)                                                                                   \
    X(EVP_PKEY_is_a)                                                                                                    \
    X(EVP_PKEY_pairwise_check)                                                                                          \
    X(OSSL_PARAM_construct_end)                                                                                         \
    X(OSSL_PARAM_construct_utf8_string)                                                                                 \
    X(OpenSSL_version_num)                                                                                              \
    X(d2i_AutoPrivateKey)                                                                                               \
    X(d2i_ECDSA_SIG)                                                                                                    \
    X(d2i_PUBKEY)                                                                                                       \
    X(i2d_ECDSA_SIG)                                                                                                    \
    X(i2d_PUBKEY)

/* Written once, under `once`; read only after that. */
static struct {
#define X(name) __typeof__(&name) name;
    FUNCTIONS(X)
#undef X
} ssl;
static EVP_MD *sha256;
static EVP_MAC *hmac;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_loaded;
static char load_error[256];

struct ccrypto_key {
    EVP_PKEY *pkey;
    ccrypto_algorithm algorithm;
};

static int resolve(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    if (!symbol) {
        snprintf(load_error, sizeof load_error, "libcrypto.so.3 has no %s: install libssl3, 3.0 or later", name);
        return 0;
    }
    /* The way that POSIX recommends: C knows no cast from an object's pointer to a function's. */
    memcpy(function, &symbol, sizeof symbol);
    return 1;
}

static void load(void) {
    void *library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(load_error, sizeof load_error, "libcrypto.so.3 cannot be loaded: install libssl3 (%s)", dlerror());
        return;
    }
#define X(name)                                                                                                         \
    if (!resolve(library, #name, &ssl.name)) {                                                                          \
        dlclose(library);                                                                                               \
        return;                                                                                                         \
    }
    FUNCTIONS(X)
#undef X
    /* Fetched once: a search by name for each use would take longer than to hash a comment. */
    sha256 = ssl.EVP_MD_fetch(NULL, "SHA256", NULL);
    hmac = ssl.EVP_MAC_fetch(NULL, "HMAC", NULL);
    ssl.ERR_clear_error();
    if (!sha256 || !hmac) {
        snprintf(
            load_error, sizeof load_error, "OpenSSL %lx offers no SHA-256 or no HMAC: see its openssl.cnf",
            ssl.OpenSSL_version_num());
        return;
    }
    is_loaded = 1;
}

int ccrypto_load(char *error, size_t error_size) {
    pthread_once(&once, load);
    if (!is_loaded) snprintf(error, error_size, "%s", load_error);
    return is_loaded;
}

/* What a failure has left behind would be taken for an error of whoever uses the library next, libcurl for one. */
static int without_errors(int result) {
    if (!result) ssl.ERR_clear_error();
    return result;
}

int ccrypto_sha256(const void *bytes, size_t length, uint8_t digest[CCRYPTO_SHA256_BYTES]) {
    return without_errors(ssl.EVP_Digest(bytes, length, digest, NULL, sha256, NULL) == 1);
}

int ccrypto_hmac_sha256(
    const void *key, size_t key_length, const void *bytes, size_t length, uint8_t code[CCRYPTO_SHA256_BYTES]) {
    EVP_MAC_CTX *context = ssl.EVP_MAC_CTX_new(hmac);
    char name[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        ssl.OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), ssl.OSSL_PARAM_construct_end()};
    size_t written = 0;
    /* Without a pointer there is no key; an empty key is one. */
    const unsigned char *start = key ? key : (const void *)"";
    int is_done = context && ssl.EVP_MAC_init(context, start, key_length, parameters) == 1
        && ssl.EVP_MAC_update(context, bytes, length) == 1
        && ssl.EVP_MAC_final(context, code, &written, CCRYPTO_SHA256_BYTES) == 1 && written == CCRYPTO_SHA256_BYTES;
    ssl.EVP_MAC_CTX_free(context);
    return without_errors(is_done);
}

int ccrypto_is_equal(const void *one, const void *other, size_t length) {
    return ssl.CRYPTO_memcmp(one, other, length) == 0;
}

/* Keys. */

/* Takes over the library's key, also when it fails. */
static ccrypto_key *key_of(EVP_PKEY *pkey, ccrypto_algorithm algorithm) {
    ccrypto_key *key = malloc(sizeof *key);
    if (!key) {
        ssl.EVP_PKEY_free(pkey);
        return NULL;
    }
    key->pkey = pkey;
    key->algorithm = algorithm;
    return key;
}

static int has_parameter(const EVP_PKEY *pkey, const char *name, const char *value) {
    char text[32];
    return ssl.EVP_PKEY_get_utf8_string_param(pkey, name, text, sizeof text, NULL) == 1 && !strcmp(text, value);
}

/* A curve that is described by its numbers is never taken for the one that has a name: the numbers can differ in the
   generator alone, and then anyone can make the private half. */
static int is_p256(const EVP_PKEY *pkey) {
    return ssl.EVP_PKEY_is_a(pkey, "EC") == 1
        && has_parameter(pkey, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_GROUP)
        && has_parameter(pkey, OSSL_PKEY_PARAM_GROUP_NAME, SN_X9_62_prime256v1);
}

/* The exponent of an RSA key; 0 when it has none, or one of more than 32 bits. */
static BN_ULONG exponent_of(const EVP_PKEY *pkey) {
    BIGNUM *exponent = NULL;
    BN_ULONG word = 0;
    if (ssl.EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 && ssl.BN_num_bits(exponent) <= 32) {
        word = ssl.BN_get_word(exponent);
    }
    ssl.BN_free(exponent);
    return word;
}

static int is_sound_rsa(const EVP_PKEY *pkey) {
    /* A key that is restricted to PSS is of another kind, "RSA-PSS". */
    if (ssl.EVP_PKEY_is_a(pkey, "RSA") != 1) return 0;
    int bits = ssl.EVP_PKEY_get_bits(pkey);
    BN_ULONG exponent = exponent_of(pkey);
    return bits >= CCRYPTO_MIN_RSA_BITS && bits <= CCRYPTO_MAX_RSA_BITS && exponent >= 65537 && exponent & 1;
}

/* What the key signs with; 0 when it is of a kind that is not taken. */
static int algorithm_of(const EVP_PKEY *pkey) {
    if (is_p256(pkey)) return CCRYPTO_ES256;
    if (ssl.EVP_PKEY_is_a(pkey, "ED25519") == 1) return CCRYPTO_EDDSA;
    return is_sound_rsa(pkey) ? CCRYPTO_RS256 : 0;
}

/* What stands before the 64 bytes of the point: id-ecPublicKey, prime256v1, a bit string, "uncompressed". */
static const uint8_t p256_prefix[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06,
    0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

static int is_p256_point(const uint8_t *der, size_t length) {
    return length == sizeof p256_prefix + 2 * SCALAR_BYTES && !memcmp(der, p256_prefix, sizeof p256_prefix);
}

/* Whether the key is written as these bytes and no others: one key, one spelling. */
static int is_written_as(EVP_PKEY *pkey, const uint8_t *der, size_t length) {
    uint8_t written[MAX_PUBLIC_BYTES];
    uint8_t *end = written;
    int size = ssl.i2d_PUBKEY(pkey, NULL);
    if (size <= 0 || (size_t)size > sizeof written || (size_t)size != length) return 0;
    return ssl.i2d_PUBKEY(pkey, &end) == size && !memcmp(written, der, length);
}

ccrypto_key *ccrypto_public_key_create(const uint8_t *der, size_t length) {
    if (length > MAX_PUBLIC_BYTES) return NULL;
    const uint8_t *end = der;
    /* A point that is not on the curve is refused here. */
    EVP_PKEY *pkey = ssl.d2i_PUBKEY(NULL, &end, (long)length);
    int algorithm = pkey ? algorithm_of(pkey) : 0;
    if (!algorithm || (algorithm == CCRYPTO_ES256 && !is_p256_point(der, length)) || !is_written_as(pkey, der, length)) {
        ssl.EVP_PKEY_free(pkey);
        ssl.ERR_clear_error();
        return NULL;
    }
    return key_of(pkey, algorithm);
}

static int is_pair(EVP_PKEY *pkey) {
    EVP_PKEY_CTX *context = ssl.EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    int result = context && ssl.EVP_PKEY_pairwise_check(context) == 1;
    ssl.EVP_PKEY_CTX_free(context);
    return result;
}

ccrypto_key *ccrypto_private_key_create(const uint8_t *der, size_t length) {
    const uint8_t *end = der + length;
    EVP_PKEY *pkey = length <= 65536 ? ssl.d2i_AutoPrivateKey(NULL, &der, (long)length) : NULL;
    int algorithm = pkey && der == end ? algorithm_of(pkey) : 0;
    if (!algorithm || !is_pair(pkey)) {
        ssl.EVP_PKEY_free(pkey);
        ssl.ERR_clear_error();
        return NULL;
    }
    return key_of(pkey, algorithm);
}

void ccrypto_key_destroy(ccrypto_key *key) {
    if (!key) return;
    ssl.EVP_PKEY_free(key->pkey);
    free(key);
}

ccrypto_algorithm ccrypto_key_algorithm(const ccrypto_key *key) {
    return key->algorithm;
}

size_t ccrypto_key_write_public(const ccrypto_key *key, uint8_t *der, size_t size) {
    int length = ssl.i2d_PUBKEY(key->pkey, NULL);
    if (length <= 0 || (size_t)length > size) return (size_t)without_errors(0);
    length = ssl.i2d_PUBKEY(key->pkey, &der);
    return (size_t)without_errors(length > 0 ? length : 0);
}

/* Signatures. */

/* R and S from ASN.1 to 32 bytes each. */
static int raw_of_der(const uint8_t *der, size_t length, uint8_t raw[2 * SCALAR_BYTES]) {
    ECDSA_SIG *parts = ssl.d2i_ECDSA_SIG(NULL, &der, (long)length);
    if (!parts) return 0;
    const BIGNUM *r, *s;
    ssl.ECDSA_SIG_get0(parts, &r, &s);
    int is_done = ssl.BN_bn2binpad(r, raw, SCALAR_BYTES) == SCALAR_BYTES
        && ssl.BN_bn2binpad(s, raw + SCALAR_BYTES, SCALAR_BYTES) == SCALAR_BYTES;
    ssl.ECDSA_SIG_free(parts);
    return is_done;
}

/* And back. The length in ASN.1; 0 when memory is out. */
static size_t der_of_raw(const uint8_t raw[2 * SCALAR_BYTES], uint8_t der[DER_SIGNATURE_BYTES]) {
    ECDSA_SIG *parts = ssl.ECDSA_SIG_new();
    BIGNUM *r = ssl.BN_bin2bn(raw, SCALAR_BYTES, NULL);
    BIGNUM *s = ssl.BN_bin2bn(raw + SCALAR_BYTES, SCALAR_BYTES, NULL);
    int length = 0;
    if (parts && r && s && ssl.ECDSA_SIG_set0(parts, r, s) == 1) {
        length = ssl.i2d_ECDSA_SIG(parts, &der);
    } else {
        ssl.BN_free(r);
        ssl.BN_free(s);
    }
    ssl.ECDSA_SIG_free(parts);
    return length > 0 ? (size_t)length : 0;
}

/* Ed25519 hashes by itself (RFC 8032), the others are told how. */
static const char *digest_of(const ccrypto_key *key) {
    return key->algorithm == CCRYPTO_EDDSA ? NULL : "SHA256";
}

size_t ccrypto_sign(const ccrypto_key *key, const void *bytes, size_t length, uint8_t *signature) {
    uint8_t der[DER_SIGNATURE_BYTES];
    int is_curve = key->algorithm == CCRYPTO_ES256;
    uint8_t *target = is_curve ? der : signature;
    size_t written = is_curve ? sizeof der : CCRYPTO_MAX_SIGNATURE;
    EVP_MD_CTX *context = ssl.EVP_MD_CTX_new();
    int is_done = context && ssl.EVP_DigestSignInit_ex(context, NULL, digest_of(key), NULL, NULL, key->pkey, NULL) == 1
        && ssl.EVP_DigestSign(context, target, &written, bytes, length) == 1
        && (!is_curve || raw_of_der(der, written, signature));
    ssl.EVP_MD_CTX_free(context);
    if (!without_errors(is_done)) return 0;
    return is_curve ? 2 * SCALAR_BYTES : written;
}

/* A signature of any other length than the key's is none, for RSA also one with zeros before it (RFC 8017, 8.2.2). */
static int has_length_of(const ccrypto_key *key, size_t signature_length) {
    if (key->algorithm != CCRYPTO_RS256) return signature_length == 64;
    return signature_length == ((size_t)ssl.EVP_PKEY_get_bits(key->pkey) + 7) / 8;
}

int ccrypto_verify(
    const ccrypto_key *key, const uint8_t *signature, size_t signature_length, const void *bytes, size_t length) {
    uint8_t der[DER_SIGNATURE_BYTES];
    if (!has_length_of(key, signature_length)) return 0;
    if (key->algorithm == CCRYPTO_ES256) {
        signature_length = der_of_raw(signature, der);
        signature = der;
    }
    EVP_MD_CTX *context = signature_length > 0 ? ssl.EVP_MD_CTX_new() : NULL;
    int is_good = context && ssl.EVP_DigestVerifyInit_ex(context, NULL, digest_of(key), NULL, NULL, key->pkey, NULL) == 1
        && ssl.EVP_DigestVerify(context, signature, signature_length, bytes, length) == 1;
    ssl.EVP_MD_CTX_free(context);
    return without_errors(is_good);
}
