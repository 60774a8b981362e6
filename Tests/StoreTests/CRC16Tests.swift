import Testing

@testable import Store

@Suite("CRC16")
struct CRC16Tests {
    @Test(
        "the checksum is the one of the Redis Cluster specification",
        arguments: [("123456789", 0x31C3), ("", 0), ("foo", 44950), ("user1000", 19827), ("é", 26564)])
    func known(_ text: String, _ sum: UInt16) {
        #expect(CRC16.checksum(text.utf8) == sum)
    }
}
