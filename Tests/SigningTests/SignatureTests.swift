import TestSupport
import Testing

@testable import Signing

@Suite("ES256")
struct SignatureTests {
    /// RFC 6979, A.2.5.
    private static let x = hexadecimal("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6")
    private static let y = hexadecimal("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299")
    private static let number = hexadecimal("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
    private static let sample = hexadecimal(
        """
        EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
        F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
        """)
    private static let test = hexadecimal(
        """
        F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367
        019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083
        """)
    /// The order of the curve's group: R and S are less.
    private static let order = hexadecimal("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551")

    /// SEC 1 without the public half.
    static func sec1(_ number: [UInt8]) -> [UInt8] {
        [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20] + number
            + [0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
    }

    @Test("the signatures of RFC 6979 are valid for their messages and for no others")
    func vectors() throws {
        let key = try PublicKey(x: Self.x, y: Self.y)
        #expect(key.algorithm == .es256)
        #expect(key.isValid(Self.sample, of: Array("sample".utf8)))
        #expect(key.isValid(Self.test, of: Array("test".utf8)))
        #expect(!key.isValid(Self.sample, of: Array("test".utf8)))
        #expect(!key.isValid(Self.test, of: Array("sample".utf8)))
        #expect(!key.isValid(Self.sample, of: []))
    }

    @Test("the signature of RFC 7515, A.3, is valid")
    func token() throws {
        let text =
            "eyJhbGciOiJFUzI1NiJ9"
            + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        let x = try #require(Base64.decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".utf8, .url))
        let y = try #require(Base64.decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".utf8, .url))
        let signature = try #require(
            Base64.decode(
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q".utf8, .url))
        #expect(try PublicKey(x: x, y: y).isValid(signature, of: Array(text.utf8)))
        #expect(try !PublicKey(x: Self.x, y: Self.y).isValid(signature, of: Array(text.utf8)))
    }

    @Test("a signature with any bit changed is not valid")
    func tampered() throws {
        let key = try PublicKey(x: Self.x, y: Self.y)
        for place in 0..<512 {
            var signature = Self.sample
            signature[place / 8] ^= 1 << UInt8(place % 8)
            #expect(!key.isValid(signature, of: Array("sample".utf8)), "bit \(place)")
        }
    }

    @Test("numbers out of range, other lengths and other forms are no signatures")
    func malformed() throws {
        let key = try PublicKey(x: Self.x, y: Self.y)
        let (r, s) = (Array(Self.sample[..<32]), Array(Self.sample[32...]))
        let zero = [UInt8](repeating: 0, count: 32)
        let der = [0x30, 0x46, 0x02, 0x21, 0x00] + r + [0x02, 0x21, 0x00] + s
        for signature in [
            [], [0], zero + zero, r + zero, zero + s, s + r, Self.order + s, r + Self.order, Self.order + Self.order,
            [UInt8](repeating: 0xFF, count: 64), Self.sample + [0], Array(Self.sample.dropLast()), [0] + Self.sample,
            der, r, Self.sample + Self.sample, [UInt8](repeating: 0x30, count: 4096),
        ] {
            #expect(!key.isValid(signature, of: Array("sample".utf8)))
        }
    }

    @Test("what a private key signs, its public half takes")
    func signs() throws {
        let key = try PrivateKey(der: Self.sec1(Self.number))
        #expect(key.algorithm == .es256)
        #expect(key.publicKey.der.suffix(64) == Self.x + Self.y)
        // Some numbers begin with zeros: 64 bytes all the same.
        for number in 0..<600 {
            let message = Array("\(number)".utf8)
            let signature = key.signature(of: message)
            #expect(signature.count == 64)
            #expect(key.publicKey.isValid(signature, of: message))
        }
        #expect(key.publicKey.isValid(key.signature(of: []), of: []))
        #expect(key.signature(of: [1]) != key.signature(of: [1]))
    }

    @Test("a key may be used by several threads")
    func threads() async throws {
        let key = try PrivateKey(der: Self.sec1(Self.number))
        let valid = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    (0..<100).count { number in
                        let message = Array("\(task) \(number)".utf8)
                        return key.publicKey.isValid(key.signature(of: message), of: message)
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(valid == 800)
    }
}
