/// A POST that libcurl is to send.
struct CurlRequest {
    let url: String
    /// Certificates to trust in place of the system's.
    let caFile: String?
    /// From the start to the last byte of the answer, in milliseconds.
    let timeout: Int64
    /// Fields of the head, as `Name: value`. A name without a value removes a field that curl would add.
    let headers: [String]
    let body: [UInt8]
}
