import Crypto
import TestSupport

@testable import Edge

/// Makes tokens, good ones and such that no honest signer makes: header and claims are written as given.
struct TokenMint {
    let secret: [UInt8]
    let privateKey: P256.Signing.PrivateKey

    init(secret: String = "a secret of thirty-two bytes, ok") {
        self.secret = Array(secret.utf8)
        privateKey = P256.Signing.PrivateKey()
    }

    var publicPEM: String { privateKey.publicKey.pemRepresentation }

    func hmacKey(_ id: String? = nil) throws -> TokenKey { try TokenKey(id: id, hs256: secret) }
    func curveKey(_ id: String? = nil) throws -> TokenKey { try TokenKey(id: id, es256: publicPEM) }

    static func input(_ header: String, _ claims: String) -> String {
        Base64URL.encode(header.utf8) + "." + Base64URL.encode(claims.utf8)
    }

    /// Signed with HMAC, whatever the header says.
    func hmac(_ claims: String, header: String = #"{"alg":"HS256","typ":"JWT"}"#, secret: [UInt8]? = nil) -> String {
        let input = Self.input(header, claims)
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(input.utf8), using: SymmetricKey(data: secret ?? self.secret))
        return input + "." + Base64URL.encode(Array(code))
    }

    /// Signed on the curve, whatever the header says.
    func curve(_ claims: String, header: String = #"{"alg":"ES256","typ":"JWT"}"#) throws -> String {
        let input = Self.input(header, claims)
        let signature = try privateKey.signature(for: Array(input.utf8))
        return input + "." + Base64URL.encode(signature.rawRepresentation)
    }

    /// Claims that are good for so many seconds from now.
    static func claims(_ channels: [String], expires: Int64, more: String = "") -> String {
        let names = channels.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"exp":\#(expires),"channels":[\#(names)]\#(more)}"#
    }
}
