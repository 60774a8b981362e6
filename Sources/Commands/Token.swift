import ArgumentParser
import Configuration
import Console
import Edge
import Events
import JSON

/// `tidings token`: makes a token for private channels.
struct Token: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a token with which a client may read private channels.",
        discussion: """
            Signs with the first HS256 key of edge.tokens.keys, with the key that --key-id names, or with the key in a \
            file. Needs neither Redis nor an edge. A token cannot be revoked: give it a short life.

            Examples:
              tidings token --channel user:7 --ttl 1h
              tidings token --channel user:7 --channel 'room:*' --subject 7 --json
              tidings token --channel user:7 --key private.pem --key-id k2
            """)

    @OptionGroup var options: GlobalFlags

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A channel, or all channels whose names begin alike: user:7, 'room:*'. Can be repeated.",
            valueName: "channel"))
    var channel: [String]

    @Option(name: .long, help: "How long the token is valid, such as 90s, 15m or 12h; at most 3650d.")
    var ttl = "1h"

    @Option(
        name: .long, help: "The id of the key in tidings.yaml, also of a key that --key reads from a file.")
    var keyId: String?

    @Option(
        name: .long,
        help: "File with the key: a private key on the curve P-256 in PEM form, or the secret of HS256.")
    var key: String?

    @Option(name: .long, help: "The audience of the token. (default: edge.tokens.audience)")
    var audience: String?

    @Option(name: .long, help: "The subject of the token; edges ignore it.")
    var subject: String?

    @Flag(name: .long, help: "Print a JSON object: token, expires (seconds since 1970), channels, algorithm, key_id.")
    var json = false

    /// Ten years, in milliseconds.
    private static let longest: Int64 = 3650 * 86_400_000
    private static let maxKeyBytes = 65_536

    func validate() throws {
        guard !channel.isEmpty else { throw ValidationError("name at least one channel: --channel user:7") }
        guard channel.count <= EdgeLimits().tokenChannels else {
            throw ValidationError("at most \(EdgeLimits().tokenChannels) channels fit in one token")
        }
        for text in channel where ChannelPattern(text) == nil {
            throw ValidationError(
                "--channel: '\(text)' is no channel; write KIND:NAME as in user:7, or KIND:BEGINNING* as in 'room:*'")
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
        var claims = JSONObject()
        if let subject { claims["sub"] = .string(subject) }
        if let audience = audience ?? settings.audience { claims["aud"] = .string(audience) }
        claims["iat"] = .int(now)
        claims["exp"] = .int(expires)
        claims["channels"] = .array(channel.map(JSON.string))
        let token = signer.token(claims: claims)
        warn(of: token, settings)
        guard json else { return Terminal.write(token + "\n") }
        var result = JSONObject(members: [
            ("token", .string(token)), ("expires", .int(expires)), ("channels", .array(channel.map(JSON.string))),
            ("algorithm", .string(signer.key.algorithm.rawValue)),
        ])
        if let id = signer.key.id { result["key_id"] = .string(id) }
        Terminal.write(JSON.object(result).text + "\n")
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
            if text.contains("-----BEGIN ") { return try TokenSigner(id: keyId, es256: String(text)) }
            while let last = text.last, last.isNewline { text.removeLast() }
            return try TokenSigner(id: keyId, hs256: Array(text.utf8))
        } catch {
            throw CommandError("\(file): \(error.message)", exitCode: 2)
        }
    }

    /// Warns of a key that no edge knows: otherwise readers would be the first to notice.
    private func warn(of token: String, _ settings: AccessSettings) {
        // A key that this user cannot read may still be readable to the edge.
        guard !settings.tokenKeys.isEmpty, let access = try? settings.tokenOptions() else { return }
        if let reason = access.refusal(of: token) {
            Terminal.writeError("tidings: with this tidings.yaml an edge would refuse it: \(reason)\n")
        }
    }
}
