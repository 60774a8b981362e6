import TestSupport
import Testing

@testable import Signing

@Suite("Keys")
struct KeyTests {
    @Test("a key is taken in the forms that openssl writes", arguments: [Sample.sec1, Sample.pkcs8, Sample.ecparam])
    func privateForms(pem: String) throws {
        let key = try PrivateKey(pem: pem)
        #expect(key.publicKey.pem == Sample.publicKey + "\n")
        let signature = key.signature(of: [1, 2, 3])
        #expect(try PublicKey(pem: Sample.publicKey).isValid(signature, of: [1, 2, 3]))
        // As a file with the line ends of Windows, with a text before it, or indented.
        #expect(throws: Never.self) { try PrivateKey(pem: "a key\n" + pem.replacing("\n", with: "\r\n") + "\r\n\r\n") }
        #expect(throws: Never.self) { try PrivateKey(pem: "  " + pem.replacing("\n", with: "\n  ")) }
    }

    @Test("the two halves do not show themselves")
    func hidden() throws {
        let key = try PrivateKey(pem: Sample.pkcs8)
        #expect("\(key)" == "ES256 private key" && "\(key.publicKey)" == "ES256 public key")
    }

    @Test(
        "what is no public key in its one form is refused",
        arguments: [
            "", "x", Sample.pkcs8, Sample.sec1, Sample.compressed, Sample.explicit, Sample.p384,
            // Two keys, none, another label, no end, no beginning.
            Sample.publicKey + "\n" + Sample.publicKey,
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
            Sample.publicKey.replacing("PUBLIC KEY", with: "CERTIFICATE"),
            Sample.publicKey.replacing("-----END PUBLIC KEY-----", with: ""),
            Sample.publicKey.replacing("-----BEGIN PUBLIC KEY-----", with: ""),
            Sample.publicKey.replacing("END PUBLIC", with: "END PRIVATE"),
            // No base64, one byte too few, one too many.
            Sample.publicKey.replacing("MFkw", with: "MF*w"), Sample.publicKey.replacing("QA==", with: ""),
            Sample.publicKey.replacing("QA==", with: "QAAA"),
        ])
    func noPublicKey(pem: String) {
        #expect { try PublicKey(pem: pem) } throws: { ($0 as? SigningError)?.code == .key }
    }

    @Test(
        "what is no private key is refused",
        arguments: [
            "", "x", Sample.publicKey, Sample.explicitPrivate, Sample.encrypted, Sample.otherPublicHalf,
            Sample.sec1 + "\n" + Sample.pkcs8,
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----",
            Sample.pkcs8.replacing("ULlA", with: ""), Sample.sec1.replacing("MHcC", with: "MHgC"),
        ])
    func noPrivateKey(pem: String) {
        #expect { try PrivateKey(pem: pem) } throws: { ($0 as? SigningError)?.code == .key }
    }

    @Test("coordinates of another length, or of no point, are no key")
    func points() {
        let x = hexadecimal("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6")
        let y = hexadecimal("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299")
        let zero = [UInt8](repeating: 0, count: 32)
        var off = y
        off[31] ^= 1
        for (x, y) in [
            ([], []), (x, []), (Array(x.dropLast()), y), (x + [0], y), ([0] + x, Array(y.dropFirst())), (x, off),
            (y, x),
            (zero, zero), (x, zero), ([UInt8](repeating: 0xFF, count: 32), [UInt8](repeating: 0xFF, count: 32)),
        ] {
            #expect { try PublicKey(x: x, y: y) } throws: { ($0 as? SigningError)?.code == .key }
        }
        // No number of a private key: none, and the order of the group and more.
        for number in [
            zero, [UInt8](repeating: 0xFF, count: 32),
            hexadecimal("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"),
        ] {
            #expect { try PrivateKey(der: SignatureTests.sec1(number)) } throws: { ($0 as? SigningError)?.code == .key }
        }
    }

    @Test("bytes that are changed or cut anywhere make no key, another key or the same one, and never a crash")
    func mutations() throws {
        var random = SplitMix64()
        let publicDER = try PublicKey(pem: Sample.publicKey).der
        let privateDER = try #require(PEM.blocks(in: Sample.pkcs8)?.first?.bytes)
        for der in [publicDER, privateDER] {
            for length in der.indices {
                #expect(throws: SigningError.self) { try PublicKey(der: Array(der[..<length])) }
                #expect(throws: SigningError.self) { try PrivateKey(der: Array(der[..<length])) }
            }
            for _ in 0..<2000 {
                var changed = der
                let place = Int.random(in: der.indices, using: &random)
                changed[place] = UInt8.random(in: 0...255, using: &random)
                if let key = try? PublicKey(der: changed) { #expect(key.der == changed, "seed \(random.seed)") }
                _ = try? PrivateKey(der: changed)
            }
            #expect(throws: SigningError.self) { try PublicKey(der: der + [0]) }
            #expect(throws: SigningError.self) { try PrivateKey(der: der + [0]) }
        }
    }
}

/// Keys as `openssl` writes them. They are nobody's.
private enum Sample {
    static let sec1 = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEILPIzxqWbR86nyloYUuRjFXy6JUqbcYNHMfv3i25r1p0oAoGCCqGSM49
        AwEHoUQDQgAE+MyyIxgY+xamgEbtUdOfadpK/1djZ3okB+bFmNNxl5sKB3jd4Tay
        9zHAMhmXyp87Q4Hawh/DKy8DdozCf1C5QA==
        -----END EC PRIVATE KEY-----
        """
    /// `openssl ecparam -genkey` writes the curve first.
    static let ecparam = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + sec1
    static let pkcs8 = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgs8jPGpZtHzqfKWhh
        S5GMVfLolSptxg0cx+/eLbmvWnShRANCAAT4zLIjGBj7FqaARu1R059p2kr/V2Nn
        eiQH5sWY03GXmwoHeN3hNrL3McAyGZfKnztDgdrCH8MrLwN2jMJ/ULlA
        -----END PRIVATE KEY-----
        """
    static let publicKey = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+MyyIxgY+xamgEbtUdOfadpK/1dj
        Z3okB+bFmNNxl5sKB3jd4Tay9zHAMhmXyp87Q4Hawh/DKy8DdozCf1C5QA==
        -----END PUBLIC KEY-----
        """
    /// The same point with one coordinate and a sign.
    static let compressed = """
        -----BEGIN PUBLIC KEY-----
        MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgAC+MyyIxgY+xamgEbtUdOfadpK/1dj
        Z3okB+bFmNNxl5s=
        -----END PUBLIC KEY-----
        """
    /// The same point, with the numbers of the curve in place of its name (CVE-2020-0601).
    static let explicit = """
        -----BEGIN PUBLIC KEY-----
        MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA
        AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////
        ///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd
        NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5
        RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA
        //////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABPjMsiMYGPsWpoBG7VHTn2na
        Sv9XY2d6JAfmxZjTcZebCgd43eE2svcxwDIZl8qfO0OB2sIfwysvA3aMwn9QuUA=
        -----END PUBLIC KEY-----
        """
    static let explicitPrivate = """
        -----BEGIN EC PRIVATE KEY-----
        MIIBaAIBAQQgs8jPGpZtHzqfKWhhS5GMVfLolSptxg0cx+/eLbmvWnSggfowgfcC
        AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////
        MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr
        vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE
        axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W
        K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8
        YyVRAgEBoUQDQgAE+MyyIxgY+xamgEbtUdOfadpK/1djZ3okB+bFmNNxl5sKB3jd
        4Tay9zHAMhmXyp87Q4Hawh/DKy8DdozCf1C5QA==
        -----END EC PRIVATE KEY-----
        """
    static let p384 = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEdgCsn1m+PA2ahRIG6xR6l4r/OUrNl6C4
        6KNYFH8pagAloY8hBE1ux3cnUqLLAyW31on09O1FEHFU+qfAVDZH8LvXhp/4LZbB
        fWDgswcRGiFYIVbntmanGPm+k0PE9SO5
        -----END PUBLIC KEY-----
        """
    /// With the passphrase `x`.
    static let encrypted = """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjqaFiQrGGCTgICCAAw
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJTZyaGhk5MSuYo9BJzJqmcEgZBC
        3IEoS8aPy2RZHudWx4p0cciiZofk5tferCd4VMeuE6g72uEUh6IVpX7PElH2CdXa
        yuXLclkwQBuJDL+4JU7l7yyQ0k9I+LxWrp9kgMEJugZ9b/wKrgrtcOd0QEE+QgrW
        Fdh3NqzGr+2wjGAqQ4l0P5LfDTtZJP1/kz8H2jwI5qc7gNY7mmQ/1EtijjK9rx4=
        -----END ENCRYPTED PRIVATE KEY-----
        """
    /// The public half belongs to another key: RFC 7515, A.3.
    static let otherPublicHalf = PEM(
        label: "EC PRIVATE KEY",
        bytes: hexadecimal(
            """
            30770201010420B3C8CF1A966D1F3A9F2968614B918C55F2E8952A6DC60D1CC7EFDE2DB9AF5A74A0
            0A06082A8648CE3D030107A144034200047FCDCE2770F6C45D4183CBEE6FDB4B7B580733357BE9EF
            13BACF6E3C7BD15445C7F144CD1BBD9B7E872CDFEDB9EEB9F4B3695D6EA90B24AD8A4623288588E5AD
            """)
    ).text
}
