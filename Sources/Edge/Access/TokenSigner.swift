import Crypto
public import JSON

/// Signs tokens, for `tidings token`.
public struct TokenSigner: Sendable, CustomStringConvertible {
    private enum Material: Sendable {
        case hs256(SymmetricKey)
        case es256(P256.Signing.PrivateKey)
    }

    private let id: String?
    private let material: Material
    /// The key that verifies the tokens.
    public let key: TokenKey

    /// - Parameters:
    ///   - id: the header's `kid`; nil: none.
    ///   - secret: as for ``TokenKey/init(id:hs256:)``.
    public init(id: String?, hs256 secret: [UInt8]) throws(EdgeError) {
        key = try TokenKey(id: id, hs256: secret)
        material = .hs256(SymmetricKey(data: secret))
        self.id = id
    }

    /// - Parameter pem: a private key on the curve P-256, `-----BEGIN PRIVATE KEY-----` or `-----BEGIN EC PRIVATE KEY-----`.
    /// - Throws: ``EdgeError/Code/key``, without the key in its message.
    public init(id: String?, es256 pem: String) throws(EdgeError) {
        do {
            let privateKey = try P256.Signing.PrivateKey(pemRepresentation: TokenSigner.withoutParameters(pem))
            material = .es256(privateKey)
            key = try TokenKey(id: id, es256: privateKey.publicKey.pemRepresentation)
        } catch {
            throw EdgeError(
                code: .key,
                message: "this is no private key on the curve P-256 in PEM form; make one with: "
                    + "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256")
        }
        self.id = id
    }

    public var description: String { "signs with \(key)" }

    /// A signed token: header, claims and signature (RFC 7515, 7.1).
    ///
    /// - Parameter claims: written unchanged. Every edge refuses a token without `exp` and `channels`.
    public func token(claims: JSONObject) -> String {
        var header = JSONObject(members: [("alg", .string(key.algorithm.rawValue)), ("typ", "JWT")])
        if let id { header["kid"] = .string(id) }
        let input = "\(TokenSigner.encode(header)).\(TokenSigner.encode(claims))"
        return "\(input).\(Base64URL.encode(signature(of: Array(input.utf8))))"
    }

    private func signature(of input: [UInt8]) -> [UInt8] {
        switch material {
        case .hs256(let key): return Array(HMAC<SHA256>.authenticationCode(for: input, using: key))
        case .es256(let key):
            guard let signature = try? key.signature(for: input) else { preconditionFailure("out of memory") }
            return Array(signature.rawRepresentation)
        }
    }

    private static func encode(_ object: JSONObject) -> String {
        Base64URL.encode(JSON.object(object).bytes)
    }

    /// Drops the block of parameters that `openssl ecparam -genkey` writes in front of the key.
    private static func withoutParameters(_ pem: String) -> String {
        guard let end = pem.firstRange(of: "-----END EC PARAMETERS-----") else { return pem }
        return String(pem[end.upperBound...])
    }
}
