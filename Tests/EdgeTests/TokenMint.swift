import Signing
import TestSupport

@testable import Edge

/// Makes tokens, good ones and such that no honest signer makes: header and claims are written as given.
struct TokenMint {
    let secret: [UInt8]
    let privateKey: PrivateKey

    init(secret: String = "a secret of thirty-two bytes, ok") {
        self.secret = Array(secret.utf8)
        privateKey = Self.newPrivateKey()
    }

    var publicPEM: String { privateKey.publicKey.pem }

    /// A key of its own: SEC 1 with a random number and the name of P-256.
    private static func newPrivateKey() -> PrivateKey {
        let number = (0..<32).map { _ in UInt8.random(in: 0...255) }
        let der: [UInt8] =
            [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20] + number
            + [0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
        // One number in four thousand millions is none that the curve has.
        guard let key = try? PrivateKey(der: der) else { return newPrivateKey() }
        return key
    }

    func hmacKey(_ id: String? = nil) throws -> TokenKey { try TokenKey(id: id, hs256: secret) }
    func curveKey(_ id: String? = nil) throws -> TokenKey { try TokenKey(id: id, .es256, pem: publicPEM) }

    static func input(_ header: String, _ claims: String) -> String {
        Base64.encode(header.utf8, .url) + "." + Base64.encode(claims.utf8, .url)
    }

    /// Signed with HMAC, whatever the header says.
    func hmac(_ claims: String, header: String = #"{"alg":"HS256","typ":"JWT"}"#, secret: [UInt8]? = nil) -> String {
        let input = Self.input(header, claims)
        guard let key = try? HMACKey(secret ?? self.secret) else { return "" }
        return input + "." + Base64.encode(key.code(of: Array(input.utf8)), .url)
    }

    /// Signed on the curve, whatever the header says.
    func curve(_ claims: String, header: String = #"{"alg":"ES256","typ":"JWT"}"#) throws -> String {
        let input = Self.input(header, claims)
        return input + "." + Base64.encode(privateKey.signature(of: Array(input.utf8)), .url)
    }

    /// Claims that are good for so many seconds from now.
    static func claims(_ channels: [String], expires: Int64, more: String = "") -> String {
        let names = channels.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"exp":\#(expires),"channels":[\#(names)]\#(more)}"#
    }
}
