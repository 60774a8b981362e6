import TestSupport
import Testing

@testable import Signing

@Suite("base64")
struct Base64Tests {
    @Test(
        "base64 is that of RFC 4648",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"), ("\u{7F}~?>", "f34/Pg=="),
        ])
    func base64(_ plain: String, _ encoded: String) {
        #expect(Base64.encode(plain.utf8) == encoded)
        #expect(Base64.decode(encoded.utf8) == Array(plain.utf8))
        #expect(Base64.decode(encoded.filter { $0 != "=" }.utf8) == Array(plain.utf8))
    }

    @Test(
        "what is no base64 is refused",
        arguments: ["A", "Zg=", "Zh==", "Zm9=", "Zm9v Zg==", "Zm9-", "====", "Z===", "Zg==Zg=="])
    func noBase64(_ text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }

    @Test("base64url is taken in its one canonical form")
    func base64url() {
        for (bytes, text) in [
            ([], ""), ([0], "AA"), ([0xFF], "_w"), ([0xFB, 0xF0], "-_A"), ([1, 2, 3], "AQID"),
        ] as [([UInt8], String)] {
            #expect(Base64.encode(bytes, .url) == text)
            #expect(Base64.decode(text.utf8, .url) == bytes)
        }
        for text in ["A", "AB", "AAA=", "AA==", "+w", "/w", "A A", "AQIDB", "_x", "AQ\n"] {
            #expect(Base64.decode(text.utf8, .url) == nil, "\(text)")
        }
        var random = SplitMix64()
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0...70, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            #expect(Base64.decode(Base64.encode(bytes, .url).utf8, .url) == bytes, "seed \(random.seed)")
        }
    }
}
