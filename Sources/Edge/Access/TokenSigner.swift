public import JSON
import Signing

/// Signs tokens, for `tidings token`.
public struct TokenSigner: Sendable, CustomStringConvertible {
    private enum Material: Sendable {
        case shared(HMACKey)
        case pair(PrivateKey)
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
        do throws(SigningError) {
            material = .shared(try HMACKey(secret))
        } catch {
            throw EdgeError(code: .key, message: error.message)
        }
        self.id = id
    }

    /// - Parameter pem: a private key, `-----BEGIN PRIVATE KEY-----`, `-----BEGIN EC PRIVATE KEY-----` or
    ///   `-----BEGIN RSA PRIVATE KEY-----`, which says itself what it is for.
    /// - Throws: ``EdgeError/Code/key``, without the key in its message.
    public init(id: String?, pem: String) throws(EdgeError) {
        let privateKey: PrivateKey
        do throws(SigningError) {
            privateKey = try PrivateKey(pem: pem)
        } catch {
            throw EdgeError(code: .key, message: error.message)
        }
        material = .pair(privateKey)
        key = TokenKey(id: id, privateKey.publicKey)
        self.id = id
    }

    public var description: String { "signs with \(key)" }

    /// A signed token: header, claims and signature (RFC 7515, 7.1).
    ///
    /// - Parameter claims: written unchanged. Every edge refuses a token without `exp`.
    public func token(claims: JSONObject) -> String {
        var header = JSONObject(members: [("alg", .string(key.algorithm.rawValue)), ("typ", "JWT")])
        if let id { header["kid"] = .string(id) }
        let input = "\(TokenSigner.encode(header)).\(TokenSigner.encode(claims))"
        return "\(input).\(Base64.encode(signature(of: Array(input.utf8)), .url))"
    }

    private func signature(of input: [UInt8]) -> [UInt8] {
        switch material {
        case .shared(let key): key.code(of: input)
        case .pair(let key): key.signature(of: input)
        }
    }

    private static func encode(_ object: JSONObject) -> String {
        Base64.encode(JSON.object(object).bytes, .url)
    }
}
