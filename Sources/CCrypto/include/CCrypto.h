/* A C interface to OpenSSL's libcrypto, 3.0 or later: SHA-256, HMAC and signatures.

   libcrypto is not linked: it is loaded at first use, so that a process that neither hashes nor signs does not pay for it
   (0.6 MB of private memory and 2 ms, measured with OpenSSL 3.0.19). ccrypto_load must have returned 1 before any other
   function is called. All functions may be called from any thread.

   Functions that can fail return 0 and leave nothing in OpenSSL's queue of errors. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Loads libcrypto.so.3. 1 when it is loaded, now or since an earlier call; else 0, and `error` holds the reason and what
   to do about it, ended with NUL and cut to error_size. */
int ccrypto_load(char *error, size_t error_size);

enum { CCRYPTO_SHA256_BYTES = 32 };

/* 0 when memory is out. */
int ccrypto_sha256(const void *bytes, size_t length, uint8_t digest[CCRYPTO_SHA256_BYTES]);
int ccrypto_hmac_sha256(
    const void *key, size_t key_length, const void *bytes, size_t length, uint8_t code[CCRYPTO_SHA256_BYTES]);

/* Whether two ranges of the same length hold the same bytes. The time does not depend on what they hold. */
int ccrypto_is_equal(const void *one, const void *other, size_t length);

/* A public or a private key. Nothing changes it once it is made, so threads may share it. */
typedef struct ccrypto_key ccrypto_key;

/* What a key signs with. */
typedef enum {
    /* ECDSA on the curve P-256 with SHA-256. A signature is R and S, 32 bytes each (RFC 7518, 3.4). */
    CCRYPTO_ES256 = 1,
    /* RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, 3.3). A signature is as long as the modulus. */
    CCRYPTO_RS256 = 2,
    /* Ed25519 (RFC 8032; RFC 8037, 3.1). A signature is 64 bytes. */
    CCRYPTO_EDDSA = 3
} ccrypto_algorithm;

/* Of a modulus, in bits. RFC 7518, 3.3 asks for the lower one; beyond the upper one a check takes more than 0.5 ms. */
enum { CCRYPTO_MIN_RSA_BITS = 2048, CCRYPTO_MAX_RSA_BITS = 8192 };

enum { CCRYPTO_MAX_SIGNATURE = CCRYPTO_MAX_RSA_BITS / 8 };

/* A public key from its SubjectPublicKeyInfo in DER. Of a key on P-256 the form of RFC 5480 with the curve's name and an
   uncompressed point is taken, and no other. Of an RSA key the modulus has CCRYPTO_MIN_RSA_BITS to CCRYPTO_MAX_RSA_BITS
   bits, and the exponent is odd, at least 65537 and below 2^32 (FIPS 186-5, A.1.1, with an upper bound of our own: a
   large exponent makes each check slow). NULL when it is none, or of a kind that ccrypto_algorithm does not list. The
   caller frees it with ccrypto_key_destroy. */
ccrypto_key *ccrypto_public_key_create(const uint8_t *der, size_t length);

/* A private key from PKCS #8 (RFC 5958), on a curve SEC 1 (RFC 5915), for RSA PKCS #1 (RFC 8017), all in DER and not
   encrypted. Limits, NULL and freeing as above. A public half that does not belong to the private one is refused. */
ccrypto_key *ccrypto_private_key_create(const uint8_t *der, size_t length);

void ccrypto_key_destroy(ccrypto_key *key);

ccrypto_algorithm ccrypto_key_algorithm(const ccrypto_key *key);

/* Writes the public half as SubjectPublicKeyInfo in DER. Its length; 0 when it needs more than `size` bytes, or memory is
   out. */
size_t ccrypto_key_write_public(const ccrypto_key *key, uint8_t *der, size_t size);

/* Writes a signature of at most CCRYPTO_MAX_SIGNATURE bytes. Its length; 0 when the key is a public one, or memory is
   out. */
size_t ccrypto_sign(const ccrypto_key *key, const void *bytes, size_t length, uint8_t *signature);

/* Whether the signature of these bytes was made with this key. */
int ccrypto_verify(
    const ccrypto_key *key, const uint8_t *signature, size_t signature_length, const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif
