import Signing
import TestSupport
import Testing

@testable import Edge

@Suite("Tokens")
struct TokenVerifierTests {
    /// Seconds since 1970: the moment of all tests here.
    private static let now: Int64 = 1_800_000_000
    private static let good = TokenMint.claims(["user:7"], expires: now + 60)
    private let mint = TokenMint()
    /// A public key on P-384.
    private static let otherCurve = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEdgCsn1m+PA2ahRIG6xR6l4r/OUrNl6C4
        6KNYFH8pagAloY8hBE1ux3cnUqLLAyW31on09O1FEHFU+qfAVDZH8LvXhp/4LZbB
        fWDgswcRGiFYIVbntmanGPm+k0PE9SO5
        -----END PUBLIC KEY-----
        """
    private static let privatePEM = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgs8jPGpZtHzqfKWhh
        S5GMVfLolSptxg0cx+/eLbmvWnShRANCAAT4zLIjGBj7FqaARu1R059p2kr/V2Nn
        eiQH5sWY03GXmwoHeN3hNrL3McAyGZfKnztDgdrCH8MrLwN2jMJ/ULlA
        -----END PRIVATE KEY-----
        """

    /// A signature on the curve as ASN.1 has it.
    private static func der(of raw: [UInt8]) -> [UInt8] {
        let numbers = [raw[..<32], raw[32...]].map { number in
            let digits = Array(number.drop { $0 == 0 })
            return digits[0] < 0x80 ? digits : [0] + digits
        }
        let body = numbers.reduce(into: [UInt8]()) { $0 += [0x02, UInt8($1.count)] + $1 }
        return [0x30, UInt8(body.count)] + body
    }

    private func verify(
        _ token: String, keys: [TokenKey], audience: String? = nil, now: Int64 = Self.now
    ) throws -> TokenClaims {
        var options = AccessOptions()
        options.tokenKeys = keys
        options.audience = audience
        return try TokenVerifier(options: options).verify(token, now: now * 1000)
    }

    private func refusal(_ token: String, keys: [TokenKey], audience: String? = nil) -> TokenError? {
        do {
            _ = try verify(token, keys: keys, audience: audience)
            return nil
        } catch {
            return error as? TokenError
        }
    }

    @Test("the HMAC example of RFC 7515, A.1, is signed with its key and with no other")
    func hmacExample() throws {
        let token =
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
            + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
            + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        let secret = try #require(
            Base64.decode(
                "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow".utf8, .url))
        // Its signature is good; it has long expired.
        #expect(refusal(token, keys: [try TokenKey(id: nil, hs256: secret)]) == .expired)
        #expect(refusal(token, keys: [try mint.hmacKey()]) == .signature)
        var other = secret
        other[0] ^= 1
        #expect(refusal(token, keys: [try TokenKey(id: nil, hs256: other)]) == .signature)
    }

    @Test("the ECDSA example of RFC 7515, A.3, is signed with its key and with no other")
    func curveExample() throws {
        let token =
            "eyJhbGciOiJFUzI1NiJ9"
            + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
            + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
        let x = try #require(Base64.decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".utf8, .url))
        let y = try #require(Base64.decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".utf8, .url))
        let key = try TokenKey(id: nil, .es256, pem: PublicKey(x: x, y: y).pem)
        #expect(refusal(token, keys: [key]) == .expired)
        #expect(refusal(token, keys: [try mint.curveKey()]) == .signature)
    }

    @Test("a good token is taken, whichever algorithm its key is for")
    func accepted() throws {
        for (token, key) in [
            (mint.hmac(Self.good), try mint.hmacKey()), (try mint.curve(Self.good), try mint.curveKey()),
        ] {
            let claims = try verify(token, keys: [key])
            #expect(claims.permits("user:7") && !claims.permits("user:70") && !claims.permits("user:"))
            #expect(claims.expires == (Self.now + 60) * 1000)
        }
    }

    @Test("while keys are changed, the old one and the new one both hold, with an id and without")
    func rotation() throws {
        let old = TokenMint(secret: "the old secret, of 32 bytes or so")
        let keys = [try old.hmacKey("k1"), try mint.hmacKey("k2"), try mint.curveKey("k3")]
        func header(_ algorithm: String, _ id: String) -> String { #"{"alg":"\#(algorithm)","kid":"\#(id)"}"# }
        for token in [
            old.hmac(Self.good), mint.hmac(Self.good), try mint.curve(Self.good),
            old.hmac(Self.good, header: header("HS256", "k1")), mint.hmac(Self.good, header: header("HS256", "k2")),
            try mint.curve(Self.good, header: header("ES256", "k3")),
        ] {
            #expect(refusal(token, keys: keys) == nil)
        }
        #expect(refusal(old.hmac(Self.good, header: header("HS256", "k2")), keys: keys) == .signature)
        #expect(refusal(old.hmac(Self.good, header: header("HS256", "k4")), keys: keys) == .key)
        #expect(refusal(old.hmac(Self.good, header: header("HS256", "k3")), keys: keys) == .algorithm)
        #expect(refusal(old.hmac(Self.good), keys: Array(keys.dropFirst())) == .signature)
        // A key without an id is tried for every token.
        #expect(refusal(mint.hmac(Self.good, header: header("HS256", "any")), keys: [try mint.hmacKey()]) == nil)
    }

    @Test(
        "a header that means to choose the rules is refused",
        arguments: [
            (#"{"alg":"none"}"#, TokenError.algorithm), (#"{"alg":"None"}"#, .algorithm),
            (#"{"alg":"hs256"}"#, .algorithm), (#"{"alg":"HS512"}"#, .algorithm), (#"{"alg":"ES256"}"#, .algorithm),
            (#"{"alg":"RS256"}"#, .algorithm), (#"{"alg":""}"#, .algorithm), (#"{"alg":1}"#, .malformed),
            (#"{"alg":["HS256"]}"#, .malformed), (#"{"typ":"JWT"}"#, .malformed), ("{}", .malformed),
            (#"{"alg":"HS256","alg":"none"}"#, .malformed), (#"{"alg":"none","alg":"HS256"}"#, .malformed),
            (#"{"alg":"HS256","crit":["exp"]}"#, .malformed), (#"{"alg":"HS256","crit":[]}"#, .malformed),
            (#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, .malformed), (#"{"alg":"HS256","kid":7}"#, .malformed),
            (#"{"alg":"HS256","kid":null}"#, .malformed), (#"{"alg":"HS256","kid":"../../dev/null"}"#, .key),
            (#"{"alg":"HS256","kid":"k1' or '1'='1"}"#, .key), (#"["HS256"]"#, .malformed), (#""HS256""#, .malformed),
            ("", .malformed), ("{", .malformed), (#"{"alg":"HS256"}{}"#, .malformed),
            ("\u{FEFF}{\"alg\":\"HS256\"}", .malformed),
            (
                #"{"alg":"HS256","x":\#(String(repeating: "[", count: 9) + String(repeating: "]", count: 9))}"#,
                .malformed
            ),
        ])
    func hostileHeader(header: String, expected: TokenError) throws {
        // The signature is good: it is the header that is wrong.
        let keys = [try mint.hmacKey("k1")]
        #expect(refusal(mint.hmac(Self.good, header: header), keys: keys) == expected)
    }

    @Test("the public half of a key is no secret that anyone could sign with")
    func confusion() throws {
        let keys = [try mint.curveKey()]
        for secret in [Array(mint.publicPEM.utf8), Array(mint.publicPEM.utf8) + [0x0A]] {
            #expect(refusal(mint.hmac(Self.good, secret: secret), keys: keys) == .algorithm)
        }
        // Nor is a key that the token brings along.
        let mallory = TokenMint()
        let x = Base64.encode(mallory.privateKey.publicKey.der.suffix(64).prefix(32), .url)
        let y = Base64.encode(mallory.privateKey.publicKey.der.suffix(32), .url)
        let header =
            #"{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)"},"jku":"http://127.0.0.1/k"}"#
        #expect(refusal(try mallory.curve(Self.good, header: header), keys: keys) == .signature)
    }

    @Test("only the two numbers of a signature on the curve are one")
    func curveSignatures() throws {
        let keys = [try mint.curveKey()]
        let input = TokenMint.input(#"{"alg":"ES256"}"#, Self.good)
        func refused(_ bytes: [UInt8]) -> TokenError? {
            refusal(input + "." + Base64.encode(bytes, .url), keys: keys)
        }
        let raw = mint.privateKey.signature(of: Array(input.utf8))
        #expect(refused(raw) == nil)
        #expect(refused(Self.der(of: raw)) == .signature)
        // What some implementations took for a signature of anything.
        #expect(refused([UInt8](repeating: 0, count: 64)) == .signature)
        #expect(refused([UInt8](repeating: 0xFF, count: 64)) == .signature)
        #expect(refused([UInt8](repeating: 0, count: 63) + [1]) == .signature)
        #expect(refused(raw + [0]) == .signature)
        #expect(refused(Array(raw.dropLast())) == .signature)
        #expect(refused(Array(raw[32...] + raw[..<32])) == .signature)
        #expect(refused([]) == .signature)
    }

    @Test("what is no compact token is refused before anything of it is believed")
    func malformed() throws {
        let token = mint.hmac(Self.good)
        let keys = [try mint.hmacKey()]
        let parts = token.split(separator: ".").map(String.init)
        var samples = [
            "", ".", "..", "...", "a.b.c", token + ".", "." + token, token + "=", token + "\n", " " + token,
            token + ".x", parts[0] + "." + parts[1], ".\(parts[1]).\(parts[2])",
            "\(parts[0])=.\(parts[1]).\(parts[2])", "\(parts[0]).\(parts[1])\u{0}.\(parts[2])",
            "\(parts[0]).\(parts[1]).\(parts[2])é", String(repeating: "a", count: 5000),
            "\(parts[0]).\(parts[1]).\(String(repeating: "A", count: 4096))",
        ]
        samples.append(String(repeating: ".", count: 4096))
        for sample in samples {
            #expect(refusal(sample, keys: keys) == .malformed, "\(sample.debugDescription.prefix(120))")
        }
        // Without a signature it is unsigned, not malformed in form: refused all the same.
        #expect(refusal("\(parts[0]).\(parts[1]).", keys: keys) == .signature)
        #expect(refusal("\(parts[0])..\(parts[2])", keys: keys) == .signature)
        let unsecured = TokenMint.input(#"{"alg":"none"}"#, Self.good) + "."
        #expect(refusal(unsecured, keys: keys) == .algorithm)
        // Longer than allowed, however well signed.
        let long = TokenMint.claims(
            ["user:7"], expires: Self.now + 60, more: #","x":"\#(String(repeating: "a", count: 4096))""#)
        #expect(refusal(mint.hmac(long), keys: keys) == .malformed)
    }

    @Test(
        "claims that are missing, or not what they must be, are refused",
        arguments: [
            "{}", "[]", #"{"channels":["user:7"]}"#, #"{"exp":"1800000060","channels":["user:7"]}"#,
            #"{"exp":null,"channels":["user:7"]}"#, #"{"exp":-1,"channels":["user:7"]}"#,
            #"{"exp":1800000060000,"channels":["user:7"]}"#, #"{"exp":1e300,"channels":["user:7"]}"#,
            #"{"exp":18446744073709551615,"channels":["user:7"]}"#,
            #"{"exp":1800000060,"channels":"user:7"}"#, #"{"exp":1800000060,"channels":[]}"#,
            #"{"exp":1800000060,"channels":[7]}"#, #"{"exp":1800000060,"channels":["user:7",null]}"#,
            #"{"exp":1800000060,"channels":["*"]}"#, #"{"exp":1800000060,"channels":["user*"]}"#,
            #"{"exp":1800000060,"channels":["user:*:x"]}"#, #"{"exp":1800000060,"channels":["user:7","user:**"]}"#,
            #"{"exp":1800000060,"channels":["user:7"],"nbf":"0"}"#,
            #"{"exp":1800000060,"channels":["user:7"],"aud":7}"#,
            #"{"exp":1800000060,"channels":["user:7"],"aud":["a",7]}"#,
            #"{"exp":1,"exp":1800000060,"channels":["user:7"]}"#,
            #"{"exp":1800000060,"channels":["user:8"],"channels":["user:7"]}"#,
        ])
    func hostileClaims(claims: String) throws {
        let isNoObject = claims == "[]" || claims.contains(#""exp":1,"#) || claims.contains("user:8")
        #expect(refusal(mint.hmac(claims), keys: [try mint.hmacKey()]) == (isNoObject ? .malformed : .claims))
    }

    @Test("a token holds from nbf to exp, with half a minute on both sides")
    func times() throws {
        let keys = [try mint.hmacKey()]
        let token = mint.hmac(TokenMint.claims(["user:7"], expires: Self.now, more: #","nbf":\#(Self.now - 100)"#))
        func refusal(_ now: Int64) -> TokenError? {
            do {
                _ = try verify(token, keys: keys, now: now)
                return nil
            } catch {
                return error as? TokenError
            }
        }
        #expect(refusal(Self.now - 131) == .early)
        #expect(refusal(Self.now - 130) == nil)
        #expect(refusal(Self.now + 29) == nil)
        #expect(refusal(Self.now + 30) == .expired)
        #expect(refusal(Self.now + 1_000_000) == .expired)
        // A date may have a fraction.
        let half = mint.hmac(#"{"exp":1800000000.5,"channels":["user:7"]}"#)
        #expect(try verify(half, keys: keys).expires == 1_800_000_000_500)
    }

    @Test("a token that was good before is asked for its times again, and no other passes for it")
    func remembered() throws {
        var options = AccessOptions()
        options.tokenKeys = [try mint.hmacKey()]
        let verifier = TokenVerifier(options: options)
        let token = mint.hmac(Self.good)
        func refusal(_ token: String, at seconds: Int64) -> TokenError? {
            do throws(TokenError) {
                _ = try verifier.verify(token, now: seconds * 1000)
                return nil
            } catch {
                return error
            }
        }
        for _ in 0..<3 { #expect(refusal(token, at: Self.now) == nil) }
        #expect(refusal(token, at: Self.now + 90) == .expired)
        #expect(refusal(token, at: Self.now) == nil)
        let parts = token.split(separator: ".").map(String.init)
        let forged = Base64.encode(TokenMint.claims(["user:8"], expires: Self.now + 60).utf8, .url)
        #expect(refusal("\(parts[0]).\(forged).\(parts[2])", at: Self.now) == .signature)
        #expect(refusal(token + "A", at: Self.now) == .signature)
        // As many as are remembered, and more: each keeps its own claims.
        for number in 0..<10_000 {
            let token = mint.hmac(TokenMint.claims(["user:\(number)"], expires: Self.now + 60))
            let claims = try verifier.verify(token, now: Self.now * 1000)
            guard claims.permits("user:\(number)"), !claims.permits("user:\(number + 1)") else {
                Issue.record("token \(number) has the claims of another")
                break
            }
        }
    }

    @Test(
        "a token for somebody is taken by nobody else",
        arguments: [
            (nil, nil, true), (nil, #""tidings""#, false), (nil, "[]", false), ("tidings", nil, false),
            ("tidings", #""tidings""#, true), ("tidings", #"["other","tidings"]"#, true),
            ("tidings", #"["other"]"#, false), ("tidings", #""Tidings""#, false), ("tidings", #""tidings ""#, false),
            ("tidings", "[]", false), ("caf\u{E9}", "\"cafe\u{301}\"", false),
        ] as [(String?, String?, Bool)])
    func audiences(mine: String?, named: String?, isTaken: Bool) throws {
        let more = named.map { #","aud":\#($0)"# } ?? ""
        let token = mint.hmac(TokenMint.claims(["user:7"], expires: Self.now + 60, more: more))
        #expect(refusal(token, keys: [try mint.hmacKey()], audience: mine) == (isTaken ? nil : .audience))
    }

    @Test("the number of channels in a token is limited")
    func channels() throws {
        let keys = [try mint.hmacKey()]
        func token(_ count: Int) -> String {
            mint.hmac(TokenMint.claims((0..<count).map { "user:\($0)" }, expires: Self.now + 60))
        }
        #expect(refusal(token(100), keys: keys) == nil)
        #expect(refusal(token(101), keys: keys) == .claims)
    }

    @Test("no character of a token can be another")
    func mutations() throws {
        var random = SplitMix64()
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+/= ".utf8)
        for (token, key) in [
            (mint.hmac(Self.good), try mint.hmacKey()), (try mint.curve(Self.good), try mint.curveKey()),
        ] {
            #expect(refusal(token, keys: [key]) == nil)
            for index in token.utf8.indices {
                var bytes = Array(token.utf8)
                let place = token.utf8.distance(from: token.utf8.startIndex, to: index)
                let other = alphabet.randomElement(using: &random) ?? 0
                if other == bytes[place] { continue }
                bytes[place] = other
                let changed = String(decoding: bytes, as: UTF8.self)
                #expect(refusal(changed, keys: [key]) != nil, "seed \(random.seed), byte \(place): \(changed)")
            }
        }
    }

    @Test("a key that is none is refused, and never shown")
    func keys() throws {
        let secret = "thirty-one bytes: one too few.."
        #expect(secret.utf8.count == 31)
        for make in [
            { _ = try TokenKey(id: nil, hs256: Array(secret.utf8)) },
            { _ = try TokenKey(id: nil, .es256, pem: secret) },
            { _ = try TokenKey(id: nil, .es256, pem: Self.otherCurve) },
            { _ = try TokenKey(id: nil, .es256, pem: Self.privatePEM) },
            { _ = try TokenSigner(id: nil, pem: mint.publicPEM) },
            { _ = try TokenSigner(id: nil, hs256: Array(secret.utf8)) },
        ] as [() throws -> Void] {
            #expect {
                try make()
            } throws: { error in
                (error as? EdgeError)?.code == .key && !"\(error)".contains(secret)
            }
        }
        #expect("\(try mint.hmacKey("k1"))" == "HS256 key k1")
    }
}

@Suite("A cache with two generations")
struct GenerationCacheTests {
    @Test("recently used entries are kept, and there are never more than twice the limit")
    func keeps() {
        var random = SplitMix64()
        var cache = GenerationCache<Int, Int>(limit: 16)
        var asked: [Int] = []
        for _ in 0..<5000 {
            let key = Int.random(in: 0..<60, using: &random)
            let isRecent = Set(asked.reversed().prefix(while: { $0 != key })).count < 16 && asked.contains(key)
            let value = cache.value(for: key)
            if isRecent { #expect(value == key * 7, "seed \(random.seed)") }
            if value == nil { cache.insert(key * 7, for: key) } else { #expect(value == key * 7) }
            asked.append(key)
            #expect(cache.count <= 32)
        }
    }

    @Test("unused entries are dropped")
    func forgets() {
        var cache = GenerationCache<Int, Int>(limit: 4)
        cache.insert(1, for: 1)
        for key in 2...20 {
            cache.insert(key, for: key)
            _ = cache.value(for: 2)
        }
        #expect(cache.value(for: 1) == nil && cache.value(for: 2) == 2 && cache.value(for: 20) == 20)
    }
}
