import Supervision
import TestSupport

/// The Durable Streams project's own Python client, unmodified, in a virtual environment of its own.
struct DurableStreamsClient {
    /// The release the tests are written against.
    static let requirement = "durable-streams==0.1.0"

    private let environment: PythonEnvironment
    private let program: String

    /// - Throws: ``PythonEnvironment/IndexUnreachable`` when pip found no way to its index.
    init() throws {
        environment = try PythonEnvironment([Self.requirement])
        program = try environment.write(Self.follow, to: "follow.py")
    }

    /// Starts to read a stream from its beginning and then to follow it.
    ///
    /// It writes the `id` of each event on a line of its own, and `caught up` when it has come to the end and
    /// goes on live.
    ///
    /// - Parameter live: `long-poll` or `sse`.
    func follow(_ url: String, live: String) throws -> ChildProcess {
        try ChildProcess(environment.python, ["-u", program, url, live])
    }

    private static let follow = """
        import sys
        from durable_streams import stream

        url, live = sys.argv[1:]

        with stream(url, offset="-1", live=False, timeout=60) as response:
            for event in response.iter_json():
                print(event["id"])
            offset = response.offset
            assert response.up_to_date, "the server did not say Stream-Up-To-Date"
        print("caught up")

        with stream(url, offset=offset, live=live, timeout=60) as response:
            for event in response.iter_json():
                print(event["id"])

        """
}
