/// Why a token is not taken.
enum TokenError: String, Error, CaseIterable {
    /// There is none where one is needed.
    case missing
    /// It is no signed token in compact form, or larger than allowed.
    case malformed
    /// It is signed in another way than the key that it names is for, or than any key is.
    case algorithm
    /// No key has the id that it names.
    case key
    /// The signature is not that of a key.
    case signature
    /// It lacks a claim, or has one that is not as it must be.
    case claims
    case expired
    /// Its time has not come yet.
    case early
    /// It was made for somebody else.
    case audience

    /// What to do, for the client. Without anything of the token itself, and without a quotation mark: it goes into a header
    /// field as well.
    var message: StaticString {
        switch self {
        case .missing: "private channel: a token is needed, as Authorization: Bearer TOKEN or access_token=TOKEN"
        case .malformed: "this is no token: send a JWT in compact form"
        case .algorithm: "the token is signed with another algorithm than its key is for: HS256 and ES256 are known"
        case .key: "the token names a key that is not known here"
        case .signature: "the token's signature is wrong"
        case .claims:
            "the token needs the claims exp, in seconds since 1970, and channels, a list such as [user:7, room:*]"
        case .expired: "the token has expired: get a new one"
        case .early: "the token is not valid yet"
        case .audience: "the token is for another audience"
        }
    }
}
