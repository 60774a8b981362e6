import TestSupport
import Testing

@testable import Signing

/// RS256 and EdDSA: keys, and the examples of the RFCs.
@Suite("RS256 and EdDSA")
struct AlgorithmTests {
    private static func bytes(_ text: String) throws -> [UInt8] { try #require(Base64.decode(text.utf8, .url)) }

    @Test("the signature of RFC 7515, A.2, is valid for its message and for no other")
    func rsaExample() throws {
        let key = try PublicKey(modulus: Self.bytes(RFC7515.modulus), exponent: Self.bytes("AQAB"))
        #expect(key.algorithm == .rs256 && "\(key)" == "RS256 public key")
        let message = Array(RFC7515.input.utf8)
        let signature = try Self.bytes(RFC7515.signature)
        #expect(key.isValid(signature, of: message))
        #expect(!key.isValid(signature, of: message + [0]))
        var changed = signature
        for place in stride(from: 0, to: 2048, by: 97) {
            changed[place / 8] ^= 1 << UInt8(place % 8)
            #expect(!key.isValid(changed, of: message), "bit \(place)")
            changed[place / 8] ^= 1 << UInt8(place % 8)
        }
        for other in [
            [], [0] + signature, signature + [0], Array(signature.dropLast()), [UInt8](repeating: 0, count: 256),
            [UInt8](repeating: 0xFF, count: 256), [UInt8](repeating: 0, count: 255) + [1],
        ] {
            #expect(!key.isValid(other, of: message))
        }
    }

    @Test("the signature of RFC 8037, A.4, is valid for its message and for no other")
    func edwardsExample() throws {
        let key = try PublicKey(ed25519: Self.bytes("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
        #expect(key.algorithm == .eddsa && "\(key)" == "EdDSA public key")
        let message = Array("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".utf8)
        let signature = try Self.bytes(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
        #expect(key.isValid(signature, of: message) && !key.isValid(signature, of: []))
        for place in 0..<512 {
            var changed = signature
            changed[place / 8] ^= 1 << UInt8(place % 8)
            #expect(!key.isValid(changed, of: message), "bit \(place)")
        }
        for other in [[], [0], signature + [0], Array(signature.dropLast()), [UInt8](repeating: 0, count: 64)] {
            #expect(!key.isValid(other, of: message))
        }
        // The private half of A.1: the signature is the same, since Ed25519 takes no random numbers.
        let secret = try Self.bytes("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
        let pkcs8: [UInt8] = [
            0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
        ]
        let privateKey = try PrivateKey(der: pkcs8 + secret)
        #expect(privateKey.signature(of: message) == signature && privateKey.publicKey.der == key.der)
    }

    @Test(
        "a key is taken in the forms that openssl writes, and what it signs its public half takes",
        arguments: [
            (KeySamples.rsa, Sample.rsaPublic, SignatureAlgorithm.rs256, 256),
            (Sample.rsaPKCS1, Sample.rsaPublic, .rs256, 256), (KeySamples.ed25519, Sample.ed25519Public, .eddsa, 64),
        ])
    func forms(pem: String, publicPEM: String, algorithm: SignatureAlgorithm, length: Int) throws {
        let key = try PrivateKey(pem: pem)
        let publicKey = try PublicKey(pem: publicPEM)
        #expect(key.algorithm == algorithm && publicKey.algorithm == algorithm)
        #expect(key.publicKey.pem == publicPEM + "\n" && "\(key)" == "\(algorithm.rawValue) private key")
        for message in [[], [1, 2, 3], [UInt8](repeating: 7, count: 100_000)] {
            let signature = key.signature(of: message)
            #expect(signature.count == length && publicKey.isValid(signature, of: message))
            #expect(!publicKey.isValid(signature, of: message + [0]))
        }
    }

    @Test(
        "RSA keys that are too short, with a small exponent, for PSS alone, and curves for something else are refused",
        arguments: [Sample.shortPublic, Sample.exponent3Public, Sample.pssPublic, Sample.x25519Public])
    func refused(pem: String) {
        #expect { try PublicKey(pem: pem) } throws: { ($0 as? SigningError)?.code == .key }
    }

    @Test(
        "a private key that is too short, or for something else, is refused", arguments: [Sample.short, Sample.x25519])
    func refusedPrivate(pem: String) {
        #expect { try PrivateKey(pem: pem) } throws: { ($0 as? SigningError)?.code == .key }
    }

    @Test("numbers that are no RSA key of 2048 to 8192 bits with a sound exponent are refused")
    func numbers() throws {
        let modulus = try Self.bytes(RFC7515.modulus)
        func isTaken(_ modulus: [UInt8], _ exponent: [UInt8]) -> Bool {
            (try? PublicKey(modulus: modulus, exponent: exponent)) != nil
        }
        #expect(isTaken(modulus, [1, 0, 1]) && isTaken(modulus, [0xFF, 0xFF, 0xFF, 0xFF]))
        for exponent: [UInt8] in [
            [], [0], [1], [3], [0xFF, 0xFF], [1, 0, 0], [1, 0, 2], [0, 1, 0, 1], [1, 0, 0, 0, 1], modulus,
        ] {
            #expect(!isTaken(modulus, exponent), "\(exponent.prefix(8))")
        }
        // The highest bit of a long number, which is odd.
        func number(bits: Int) -> [UInt8] {
            var bytes = [UInt8](repeating: 0xA5, count: (bits + 7) / 8)
            bytes[0] = 1 << UInt8((bits - 1) % 8)
            return bytes
        }
        for (bits, expected) in [
            (2040, false), (2047, false), (2048, true), (2049, true), (4096, true), (8192, true), (8193, false),
            (16_384, false), (65_536, false),
        ] {
            #expect(isTaken(number(bits: bits), [1, 0, 1]) == expected, "\(bits) bits")
        }
        #expect(!isTaken([], [1, 0, 1]) && !isTaken([0] + modulus, [1, 0, 1]))
        for length in [0, 31, 33, 64] {
            #expect(throws: SigningError.self) { try PublicKey(ed25519: [UInt8](repeating: 9, count: length)) }
        }
    }

    @Test("bytes of a key that are changed or cut anywhere make no key or exactly what they say, and never a crash")
    func mutations() throws {
        var random = SplitMix64()
        for pem in [Sample.rsaPublic, Sample.ed25519Public] {
            let der = try PublicKey(pem: pem).der
            for length in der.indices {
                #expect(throws: SigningError.self) { try PublicKey(der: Array(der[..<length])) }
            }
            #expect(throws: SigningError.self) { try PublicKey(der: der + [0]) }
            for _ in 0..<2000 {
                var changed = der
                changed[Int.random(in: der.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
                if let key = try? PublicKey(der: changed) { #expect(key.der == changed, "seed \(random.seed)") }
            }
        }
    }
}

/// RFC 7515, A.2.
private enum RFC7515 {
    static let modulus =
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ"
        + "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2"
        + "R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD"
        + "TW9gb54h4FRWyuXpoQ"
    static let input =
        "eyJhbGciOiJSUzI1NiJ9"
        + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    static let signature =
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU"
        + "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d"
        + "O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig"
        + "cN_IoypGlUPQGe77Rw"
}

/// Keys as `openssl` writes them. They are nobody's.
private enum Sample {
    /// ``KeySamples/rsa`` in PKCS #1.
    static let rsaPKCS1 = """
        -----BEGIN RSA PRIVATE KEY-----
        MIIEowIBAAKCAQEAqqHL+Whw5rXQ88/rw6zSYKjjMKQ8h4GxLhBB+RX0nsiMxQCW
        AsyXCGsiuMs2qDKu/bHyKAMgQNnrYzP8e2xVljtE4e+cMpLTYTKYmGzQRlnmIRGP
        fIAowcaDeSC4x3xG9XD3y43xMW42hum0bLcjCz4rA3a18zxGjV26MFQ2VUhycUpI
        I7vILoh/SWL8qgVc4DPxA0peeADA4pNfxWqF0TlNqQ8n2TjuSUD72ooHlNGkAbdo
        l0fkP+lzWENSSEwbymaFbmuAGRDwtUqlT5u3xL5kjHookdBoiL3LGUw5JruaD/6c
        EXdNSYeWhXKEwvxC524QLK886jfabLDZAMHmyQIDAQABAoIBABc1XpsT25dlz3/6
        HeVFkm/XSN+K1zjPKRxM1cxdciJOwObix4Sl8z0P5W8hJNQH4Mlc9MUAd9iaS2v4
        3DSlbZa7hQj+IE64rcugqCTDWCjZfXWt/8g9Xk3NBIDrNHbdroEf1nR3YAELLpt3
        GjVXS4rx78PO17y3zBjaUMLWEXXT5efuegpja/svJQokDk+iRzAer0bI78mv5QhF
        OqZIXd/5mnhk03HW46JOT7SxhbpGHjYLgIHkT2nB8dwbkR/MdWLpta0KGdYN3/M+
        MiuZKzHXP8SsaAIVtgp9FuZN//17r71S/txJWY+fVI4TldvASFd8Mbyi3uJF7vWk
        UClEkskCgYEA2OxVB0KGCEvRNSGY+pYjPwZ7bJyuZs/w3ZXeVSorjz1TfIP0nU+z
        K6GCbHIRDDvlrYqnF38nPNKHbQhpz9cB8OMQ0Ly8bAUkg5i200LljfmrmJKQQ1PJ
        aypfkHOBmjLXSrGxtjAf4F6bcYFZ3S1/bQP0gUmyx6cjioFbTFBYTTsCgYEAyV6x
        iP8mhJergi2AXCYhrTQhpUU7VzcIoUyHAePRbMZX0W6k6c6q/sIcIDy6KVxfV1ud
        4otESQ4ctVK87XeerpGp5ISovDGR2MZ5W8qP8cMxE+P3qTSsSrtFFsQ1KNFwQCz/
        aL54g5Pg8GuJovNWPBO1B09L2c17FyAj7dQPa8sCgYAAkb43YqlPZEOMTCZGohY9
        mBrC0jZy9qC/NCF9P7sViSeq7/24W/kwaCAbgMEisxWLOw3tNdw4gKTyWE9OyFWs
        +CuXIKet8OWDoub37vkDQmB86gWO561jppzRmDwC15dRDt5UiBPNVvI5fglqVzA6
        bQQ7QqJBe+LP/j7rGFri+QKBgQDCL6XmpZ6gWJ6U34ob0s3A+DfF57hsx250FZdP
        1EDds3t2REuWCK1PFSMIV2dygViTpo7fq0tDY+99T/dOzH7ieyepbeBF80thDyxy
        vykGjCOkub7XlirbujHK3ZUh8q5bxMjcWmlfAVj2n81PrXcoYhy9mtNbitK7n0vm
        igwA9wKBgHH83cIyr6/IY6pkooJZ7/79yVVVfy1HHjG33FbwKVcU/ydBqmZj8S7k
        iDJQcgrbXGP3C08wuJZ3dfSFGhZY2jiQ414m/uBFeIXg7UZ3S+2O4NEhkwySPzP3
        1tjebPnXCdDs7ORLpqz7U0wolueRg86i7Q//1e6k/y5s/YtWqstW
        -----END RSA PRIVATE KEY-----
        """
    static let rsaPublic = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqqHL+Whw5rXQ88/rw6zS
        YKjjMKQ8h4GxLhBB+RX0nsiMxQCWAsyXCGsiuMs2qDKu/bHyKAMgQNnrYzP8e2xV
        ljtE4e+cMpLTYTKYmGzQRlnmIRGPfIAowcaDeSC4x3xG9XD3y43xMW42hum0bLcj
        Cz4rA3a18zxGjV26MFQ2VUhycUpII7vILoh/SWL8qgVc4DPxA0peeADA4pNfxWqF
        0TlNqQ8n2TjuSUD72ooHlNGkAbdol0fkP+lzWENSSEwbymaFbmuAGRDwtUqlT5u3
        xL5kjHookdBoiL3LGUw5JruaD/6cEXdNSYeWhXKEwvxC524QLK886jfabLDZAMHm
        yQIDAQAB
        -----END PUBLIC KEY-----
        """
    static let ed25519Public = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEAvc83EHs5Lj+qlOdDO2ftLlBiZWHfpOVSKE8nHUmzRiU=
        -----END PUBLIC KEY-----
        """
    /// 1024 bits.
    static let short = """
        -----BEGIN PRIVATE KEY-----
        MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBALMmwnkivZByJbMT
        TGDhF/lyHIUteJU6NleBpH6SP0DUOR16i0eAqzFWT/KBTojoVKFJ2RBJdxdU0UmX
        TgE4cues/wS/CatalzNPMdnVbqx0HAqrDV+oBazJmv+2/kjw+aGok7fEAFKUpu9b
        633crqG7i0bpoiLQDIPfZryMbFCpAgMBAAECgYEAqO+b428HIvcA5eUE2TZpzSf2
        DP/b/ZxvMgVmgJSYYSG+2jV8sWh8BoJF0YBt9lxfsdhZgCpGyxGIacTsIeqBLrLS
        3FJo+1NBbxJHqb0mc8HehM3MwxDT4ozX1TOP+3ZWsRscNGzGgUPHrbp6c5StQFyR
        trHLquK8Wt6N+yY3goECQQDaXvATqcn3JYh0Su9ph1rJrmmRN8fv4SkN1j2qF//S
        96YFWLsdVcu2B+BIF8L2AaNQrYaDI9SlEPDbhK7B/+hdAkEA0gW42iUiUtrO7aGB
        cykHux72Yhq3pG3e5XKhdeVlF/et0cTZBbrwV5NJyoXC/ZrHkIlumS+/A2ruiJGV
        vkiUvQJBALp/KGRytqVXrcE8GlozGktypIA8dooc7zX9Ce8Rzg+8J1Mbo7p7Ap60
        /Uw01vHJFlSZzm6DlGFhJYMlPyc6SpUCQQCbueZwyewDZ37bsE9d5mR3GOQzpf/Z
        CiamFzMlSeyFsv7NdZo9p3kiVnH2muwUQzoKL/0z1LVbgWRRGzHfH845AkABST2T
        45+B7nCopXBW+JTtwr3Nb5MOpxJwsXFxUaD7sbatBlWD9T5fvqeeKyi4xHwKyQ6B
        h6jPCcen/dEnwgMY
        -----END PRIVATE KEY-----
        """
    static let shortPublic = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCzJsJ5Ir2QciWzE0xg4Rf5chyF
        LXiVOjZXgaR+kj9A1DkdeotHgKsxVk/ygU6I6FShSdkQSXcXVNFJl04BOHLnrP8E
        vwmrWpczTzHZ1W6sdBwKqw1fqAWsyZr/tv5I8PmhqJO3xABSlKbvW+t93K6hu4tG
        6aIi0AyD32a8jGxQqQIDAQAB
        -----END PUBLIC KEY-----
        """
    /// 2048 bits, and 3.
    static let exponent3Public = """
        -----BEGIN PUBLIC KEY-----
        MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAyPfR9WeIcD4V4ttgJS2G
        S/2v1Ti5E6pzp+EZOissgRELFXjJkXhtUwzIxEh02l7AYjMFShX+18IpC21ZOfQ7
        gNVyc5uN83q1x1zPVLTXuUuvEOUOMaqdMwJL6Fq3rU4ufYQooX0hpXLzWZ/NYZc+
        CumCX82yh3YFd7n6GL3F6BFo7RGbH/nxhrPUQFRT5VZ7XDihP5Q/510QMp5+N7gT
        A2JKayuqaCZ3dOi58S4q3RGYunJNwfb0geWd/yhA/KuFXoivROCorF20N3vNlCBN
        xdxzpcob4xTsTbMx760YprQTcQPZ25k1K26ntWRQkukAyUY7OqRjWRG4nqLXPvpD
        5QIBAw==
        -----END PUBLIC KEY-----
        """
    static let pssPublic = """
        -----BEGIN PUBLIC KEY-----
        MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAKgpurc3SSy6F16981XE0hFJ
        qaAeisrMRLIXjaToaZJW1LNlg6a62CfGOre4KByV30jN/aavtI5D6yFNItovMfdD
        ok18kFS3OVlaSHVOGzx9wcGpjjPlF8q6lo5n2kavcsJhtSvRyylh1k5MF2fgDS7i
        CvfV91H7W3a4s69Lwb+vCPOhXZN9n7vIO0o4aE9pVkoNZfpgdUi+bPdHCe5XyoLq
        g2k3Ov4wiUh2+rvhDfqDAQNcLhc1pdViaik63CAxZmYiJwFl8msR5kv60UwwDSCr
        w3QPV83GNCn5HT8I78TTjdczbh2rSycsR5Xzk37ft7E9pKiwN269cT/oujhMSOMC
        AwEAAQ==
        -----END PUBLIC KEY-----
        """
    static let x25519 = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VuBCIEIIAvPw/qN1O23ui16ir7kHeVIIfOFaNoWAM2ZgCD/tZD
        -----END PRIVATE KEY-----
        """
    static let x25519Public = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VuAyEAxp830IMQ6dqA5QdztN5gUdPZYazwvnaEFAUgHc6lYjU=
        -----END PUBLIC KEY-----
        """
}
