import ArgumentParser
import Configuration
import Console
import Edge
import Events
import JSON

/// `tidings token`: makes a token with which a person reads private channels and writes.
struct Token: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a token with which a person may read private channels, and write.",
        discussion: """
            Examples:
              tidings token --channel user:7 --ttl 1h
              tidings token --sub 7 --name Ann --channel user:7
              tidings token --sub 7 --name Ann --write 'thread:*' --write forum:music
              tidings token --sub 1 --moderator
              tidings token --sub 2 --moderates 'thread:*' --moderates forum:music --json
              tidings token --sub 7 --key private.pem --key-id k2

            Signs with the first HS256 key of edge.tokens.keys, with the key that --key-id names, or with the key in a \
            file. Needs neither Redis nor an edge. A token cannot be revoked: give it a short life.

            To read, it names channels; to write, it names the author with --sub. Without --write the author may post to any \
            conversation; with it, every channel that a comment names (its thread, and its forum where it has one) has to be \
            among them.
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A channel, or all channels whose names begin alike: user:7, 'room:*'. Can be repeated.",
            valueName: "channel"))
    var channel: [String] = []

    @Option(
        name: [.customLong("sub"), .customLong("subject")],
        help: ArgumentHelp(
            "Who the author is of what is written with the token: `author.id` of the comments.", valueName: "id"))
    var subject: String?

    @Option(name: .long, help: "How readers see the author.")
    var name: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where the author may post: thread:42, 'thread:*', forum:music. Can be repeated. (default: everywhere)",
            valueName: "channel"))
    var write: [String] = []

    @Flag(name: .long, help: "Make the author a moderator of every conversation.")
    var moderator = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where the author is a moderator: 'thread:*', forum:music. Can be repeated.", valueName: "channel"))
    var moderates: [String] = []

    @Option(name: .long, help: "How long the token is valid, such as 90s, 15m or 12h; at most 3650d.")
    var ttl = "1h"

    @Option(
        name: .long, help: "The id of the key in tidings.yaml, also of a key that --key reads from a file.")
    var keyId: String?

    @Option(
        name: .long,
        help: """
            File with the key: a private key in PEM form (RSA for RS256, on P-256 for ES256, on Ed25519 for EdDSA), or the \
            secret of HS256.
            """)
    var key: String?

    @Option(name: .long, help: "The audience of the token. (default: edge.tokens.audience)")
    var audience: String?

    @Option(name: .long, help: "The issuer of the token. (default: edge.tokens.issuer)")
    var issuer: String?

    @Flag(
        name: .long,
        help:
            "Print a JSON object: token, expires (seconds since 1970), channels, sub, write, moderator, algorithm, key_id."
    )
    var json = false

    @OptionGroup var options: GlobalFlags

    /// Ten years, in milliseconds.
    private static let longest: Int64 = 3650 * 86_400_000
    private static let maxKeyBytes = 65_536

    func validate() throws {
        guard !channel.isEmpty || subject != nil else {
            throw ValidationError("name at least one channel to read, --channel user:7, or an author, --sub 7")
        }
        for (flag, texts) in [("channel", channel), ("write", write), ("moderates", moderates)] {
            guard texts.count <= EdgeLimits().tokenChannels else {
                throw ValidationError("--\(flag): at most \(EdgeLimits().tokenChannels) fit in one token")
            }
            for text in texts where ChannelPattern(text) == nil {
                throw ValidationError(
                    "--\(flag): '\(text)' is no channel; write KIND:NAME as in user:7, or KIND:BEGINNING* as in 'room:*'"
                )
            }
        }
        if subject == nil, name != nil || !write.isEmpty || moderator || !moderates.isEmpty {
            throw ValidationError("--name, --write, --moderator and --moderates go with an author: --sub 7")
        }
        if moderator, !moderates.isEmpty {
            throw ValidationError("--moderator is everywhere: leave --moderates out, or --moderator")
        }
        guard let life = DurationText.milliseconds(ttl), (1000...Token.longest).contains(life) else {
            throw ValidationError("--ttl takes a time from 1s to 3650d, such as 1h, not '\(ttl)'")
        }
    }

    func run() throws {
        let settings = try options.configuration().access
        let signer = try signer(settings)
        let now = Clock.unixMilliseconds() / 1000
        let expires = now + (DurationText.milliseconds(ttl) ?? 0) / 1000
        var claims = rights
        if let name { claims["name"] = .string(name) }
        if let issuer = issuer ?? settings.issuer { claims["iss"] = .string(issuer) }
        if let audience = audience ?? settings.audience { claims["aud"] = .string(audience) }
        claims["iat"] = .int(now)
        claims["exp"] = .int(expires)
        let token = signer.token(claims: claims)
        warn(of: token, settings)
        guard json else { return Terminal.write(token + "\n") }
        var result = JSONObject(members: [("token", .string(token)), ("expires", .int(expires))] + rights.members)
        result["algorithm"] = .string(signer.key.algorithm.rawValue)
        if let id = signer.key.id { result["key_id"] = .string(id) }
        Terminal.write(JSON.object(result).text + "\n")
    }

    /// Who holds the token, and what they may do.
    private var rights: JSONObject {
        var claims = JSONObject()
        if let subject { claims["sub"] = .string(subject) }
        if !channel.isEmpty { claims["channels"] = .array(channel.map(JSON.string)) }
        if !write.isEmpty { claims["write"] = .array(write.map(JSON.string)) }
        if moderator { claims["moderator"] = true }
        if !moderates.isEmpty { claims["moderator"] = .array(moderates.map(JSON.string)) }
        return claims
    }

    private func signer(_ settings: AccessSettings) throws -> TokenSigner {
        if let key { return try signer(file: key) }
        guard !settings.tokenKeys.isEmpty else {
            throw CommandError(
                "no key to sign with: set edge.tokens.keys in tidings.yaml, or name a file with --key", exitCode: 2)
        }
        let named = settings.tokenKeys.filter { keyId == nil || $0.id == keyId }
        guard !named.isEmpty else {
            throw CommandError("no key in edge.tokens.keys has the id '\(keyId ?? "")'", exitCode: 2)
        }
        for key in named {
            if let signer = try key.signer() { return signer }
        }
        throw CommandError(
            "edge.tokens.keys has only the public half of this key; name the private one with --key PRIVATE.pem",
            exitCode: 2)
    }

    private func signer(file: String) throws -> TokenSigner {
        var text = try SmallFile.read(file, maxBytes: Token.maxKeyBytes)[...]
        do throws(EdgeError) {
            if text.contains("-----BEGIN ") { return try TokenSigner(id: keyId, pem: String(text)) }
            while let last = text.last, last.isNewline { text.removeLast() }
            return try TokenSigner(id: keyId, hs256: Array(text.utf8))
        } catch {
            throw CommandError("\(file): \(error.message)", exitCode: 2)
        }
    }

    /// Warns of a token that no edge takes: otherwise its holder would be the first to notice.
    private func warn(of token: String, _ settings: AccessSettings) {
        // A key that this user cannot read may still be readable to the edge.
        guard let access = try? settings.tokenOptions(), access.hasTokenKeys else { return }
        if let reason = access.refusal(of: token, isWriting: subject != nil && channel.isEmpty) {
            Terminal.writeError("tidings: with this tidings.yaml an edge would refuse it: \(reason)\n")
        }
    }
}
