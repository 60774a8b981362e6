import Testing

@testable import Signing

@Suite("SHA-256 and HMAC")
struct DigestTests {
    private static let long = String(repeating: "a", count: 1_000_000)

    @Test(
        "a hash is that of FIPS 180-4",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (long, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ])
    func hash(_ text: String, _ expected: String) throws {
        let digest = try SHA256.hash(Array(text.utf8))
        #expect(digest.bytes == hexadecimal(expected))
        #expect(digest.high == UInt64(expected.prefix(16), radix: 16))
        #expect(digest.low == UInt64(expected.dropFirst(16).prefix(16), radix: 16))
        #expect(try digest == SHA256.hash(Array(text.utf8)))
        #expect(try digest != SHA256.hash(Array(text.utf8) + [0]))
    }

    /// RFC 4231, 4.2 to 4.8 without the truncated one; the last is of the empty secret and message.
    private static let codes: [(secret: [UInt8], message: [UInt8], code: String)] = [
        (
            [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            Array(1...25), [UInt8](repeating: 0xCD, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            [UInt8](repeating: 0xAA, count: 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            [UInt8](repeating: 0xAA, count: 131),
            Array(
                ("This is a test using a larger than block-size key and a larger than block-size data. "
                    + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
        ([], [], "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
    ]

    @Test("a code is that of RFC 4231, and no other is valid", arguments: 0..<codes.count)
    func code(_ index: Int) throws {
        let (secret, message, text) = Self.codes[index]
        let expected = hexadecimal(text)
        let key = try HMACKey(secret)
        #expect(key.code(of: message) == expected)
        #expect(key.isValid(expected, of: message))
        #expect(!key.isValid(expected, of: message + [0]))
        #expect(try !HMACKey(secret + [1]).isValid(expected, of: message))
        for place in expected.indices {
            var tampered = expected
            tampered[place] ^= 1 << UInt8(place % 8)
            #expect(!key.isValid(tampered, of: message))
        }
        for wrong in [[], Array(expected.dropLast()), expected + [0], Array(expected.prefix(16)), expected + expected] {
            #expect(!key.isValid(wrong, of: message))
        }
    }

    @Test("a key does not show itself")
    func hidden() throws {
        #expect("\(try HMACKey(Array("secret".utf8)))" == "HMAC key")
    }
}

/// The bytes of hexadecimal digits; spaces and line ends are skipped.
func hexadecimal(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
