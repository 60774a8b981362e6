import JSON
import Signing
import TestSupport
import Testing

@testable import Edge

/// Key sets as they come from a file or an address, good ones and hostile ones.
@Suite("Key sets")
struct KeySetTests {
    private static let curve =
        #""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","#
        + #""y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#
    private static let modulus =
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        + "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        + "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        + "nqDKgw"
    private static let rsa = #""kty":"RSA","n":"\#(modulus)","e":"AQAB""#
    private static let edwards = #""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#

    private static func set(_ keys: String...) throws -> KeySet {
        try KeySet(Array("{\"keys\":[\(keys.map { "{\($0)}" }.joined(separator: ","))]}".utf8))
    }

    private static func problem(_ text: String) -> String? {
        do throws(EdgeError) {
            _ = try KeySet(Array(text.utf8))
            return nil
        } catch {
            #expect(error.code == .keySet && error.message.hasPrefix("the key set cannot be used: "))
            return error.message
        }
    }

    @Test("the keys of RFC 7517, A.1, and RFC 8037, A.2, are read; the one for encryption is skipped")
    func examples() throws {
        let set = try Self.set(
            #"\#(Self.curve),"use":"enc","kid":"1""#, #"\#(Self.rsa),"alg":"RS256","kid":"2011-04-29""#, Self.edwards,
            #"\#(Self.curve),"kid":"é","use":"sig","key_ops":["verify"],"alg":"ES256","x5t":"abc""#,
            #"\#(Self.edwards),"alg":"Ed25519","kid":"3""#)
        #expect(
            set.keys.map(\.description) == [
                "RS256 key 2011-04-29", "EdDSA key without id", "ES256 key é", "EdDSA key 3",
            ])
        #expect(set.skipped == ["keys[0]: `use` is not sig"])
    }

    @Test(
        "a key of another kind, for something else or beyond the limits is skipped, and the others are used",
        arguments: [
            #""kty":"AKP","alg":"ML-DSA-44","pub":"AA""#, #""kty":"EC","crv":"P-384","x":"AA","y":"AA""#,
            #""kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#, #""kid":"a""#,
            #""kty":"rsa""#, #""kty":7"#, #""kty":"RSA""#, #""kty":"RSA","n":"AQAB","e":"AQAB""#,
            #""kty":"RSA","n":"\#(modulus)","e":"Aw""#, #""kty":"RSA","n":"\#(modulus)","e":"""#,
            #""kty":"RSA","n":"\#(modulus)=","e":"AQAB""#, #""kty":"RSA","n":7,"e":"AQAB""#,
            #""kty":"RSA","crv":"P-256","n":"\#(modulus)","e":"AQAB""#,
            #""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4""#,
            #""kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#,
            #""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ""#,
            #"\#(rsa),"alg":"RS512""#, #"\#(rsa),"alg":"ES256""#, #"\#(rsa),"alg":"none""#, #"\#(rsa),"alg":null"#,
            #"\#(curve),"alg":"HS256""#, #"\#(curve),"use":"enc""#, #"\#(curve),"use":7"#,
            #"\#(curve),"key_ops":["sign"]"#, #"\#(curve),"key_ops":"verify""#, #"\#(curve),"key_ops":[]"#,
            #"\#(curve),"key_ops":["verify","verify"]"#, #"\#(curve),"key_ops":["verify",7]"#, #"\#(curve),"kid":7"#,
            #"\#(curve),"kid":"""#, #"\#(curve),"kid":"\#(String(repeating: "k", count: 257))""#,
        ])
    func skipped(key: String) throws {
        let set = try Self.set(key, #"\#(Self.edwards),"kid":"good""#)
        #expect(set.keys.map(\.id) == ["good"] && set.skipped.count == 1 && set.skipped[0].hasPrefix("keys[0]: "))
    }

    @Test(
        "a set with a private or a shared key is refused as a whole, and no part of the key is shown",
        arguments: ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
    func privateKeys(member: String) {
        let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"
        for key in [Self.edwards, Self.rsa, Self.curve, #""kty":"oct""#, #""kty":"other""#] {
            let problem = Self.problem(#"{"keys":[{\#(Self.edwards)},{\#(key),"\#(member)":"\#(secret)"}]}"#)
            #expect(
                problem?.contains("keys[1] has the member `\(member)`") == true && problem?.contains(secret) == false)
        }
    }

    @Test(
        "what is no key set, or an ambiguous one, is refused",
        arguments: [
            "", "null", "[]", "{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"keys":[]}"#, #"{"keys":[7]}"#,
            #"{"keys":[[]]}"#, #"{"keys":["a"]}"#, #"{"keys":[{}]}"#, "<html>", #"{"keys":[{"kty":"AKP"}]}"#,
            "{\(edwards)}", #"{"keys":[{\#(edwards)}],"keys":[]}"#, #"{"keys":[{\#(edwards),"kid":"a","kid":"b"}]}"#,
            #"{"keys":[{\#(edwards),"x":\#(String(repeating: "[", count: 9))\#(String(repeating: "]", count: 9))}]}"#,
            "\u{FEFF}{\"keys\":[{\(edwards)}]}", #"{"keys":[{\#(edwards)}]} x"#,
        ])
    func refused(text: String) {
        #expect(Self.problem(text) != nil)
    }

    @Test("a set has at most 64 keys and 64 KiB")
    func limits() {
        func set(_ count: Int, filler: Int = 0) -> String {
            let key = "{\(Self.edwards)}"
            let keys = Array(repeating: key, count: count).joined(separator: ",")
            return "{\"keys\":[\(keys)]\(String(repeating: " ", count: filler))}"
        }
        #expect(Self.problem(set(64)) == nil && Self.problem(set(65))?.contains("more than 64 keys") == true)
        let room = KeySet.maxBytes - set(1).utf8.count
        #expect(Self.problem(set(1, filler: room)) == nil)
        #expect(Self.problem(set(1, filler: room + 1))?.contains("larger than 65536 bytes") == true)
    }

    @Test("bytes that are changed or cut anywhere are no set or a set within the limits, and never a crash")
    func mutations() {
        var random = SplitMix64()
        let bytes = Array(#"{"keys":[{\#(Self.edwards),"kid":"a"},{\#(Self.curve)},{\#(Self.rsa)}]}"#.utf8)
        for length in stride(from: 0, to: bytes.count, by: 7) { _ = try? KeySet(Array(bytes[..<length])) }
        for _ in 0..<2000 {
            var changed = bytes
            for _ in 0..<3 {
                changed[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if let set = try? KeySet(changed) { #expect((1...3).contains(set.keys.count), "seed \(random.seed)") }
        }
    }
}

/// When a key set is read again.
@Suite("The schedule of key sets")
struct KeySetScheduleTests {
    private static let refresh: Int64 = 300_000

    private func read(_ schedule: inout KeySetSchedule, isGood: Bool, at now: Int64) {
        schedule.begin(now: now)
        #expect(schedule.next == nil)
        schedule.end(isGood: isGood, now: now)
    }

    @Test("the first reading is due at once, the next one after the time that the operator says")
    func regular() {
        var schedule = KeySetSchedule(refresh: Self.refresh, now: 1000)
        #expect(schedule.next == 1000)
        read(&schedule, isGood: true, at: 1000)
        #expect(schedule.next == 301_000)
    }

    @Test("after failures the pauses grow from 1 s to 30 s, and a success ends them")
    func failures() {
        var schedule = KeySetSchedule(refresh: Self.refresh, now: 0)
        var now: Int64 = 0
        for pause: Int64 in [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            read(&schedule, isGood: false, at: now)
            #expect(schedule.next == now + pause)
            now += pause
        }
        read(&schedule, isGood: true, at: now)
        #expect(schedule.next == now + Self.refresh)
        for _ in 0..<100 { read(&schedule, isGood: false, at: now) }
        #expect(schedule.next == now + 30_000)
    }

    @Test("a token of an unknown key hurries the next reading, but strangers cause no more than one in 30 s")
    func unknownKeys() {
        var schedule = KeySetSchedule(refresh: Self.refresh, now: 0)
        // Before the first reading there is nothing to hurry.
        schedule.unknownKey(now: 0)
        #expect(schedule.next == 0)
        read(&schedule, isGood: true, at: 0)
        for now: Int64 in [1000, 5000, 29_999] {
            schedule.unknownKey(now: now)
            #expect(schedule.next == 30_000)
        }
        read(&schedule, isGood: true, at: 30_000)
        schedule.unknownKey(now: 100_000)
        #expect(schedule.next == 100_000)
        // While one is under way it counts for the time after.
        schedule.begin(now: 100_000)
        schedule.unknownKey(now: 100_500)
        #expect(schedule.next == nil)
        schedule.end(isGood: true, now: 101_000)
        #expect(schedule.next == 130_000)
    }
}
