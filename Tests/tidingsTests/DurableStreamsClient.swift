import Foundation
import TestSupport

/// The Durable Streams project's own Python client, unmodified, in a virtual environment of its own.
struct DurableStreamsClient {
    /// The release the tests are written against.
    static let requirement = "durable-streams==0.1.0"

    /// Why there is no client although nothing of ours is at fault.
    struct IndexUnreachable: Error {}

    private let environment: TemporaryFolder

    /// Makes the environment and installs the client.
    ///
    /// - Throws: ``IndexUnreachable`` when pip found no way to its index; any other failure as itself.
    init() throws {
        environment = try TemporaryFolder()
        let made = try ChildProcess.run("python3", ["-m", "venv", environment.file("venv")], within: 120)
        guard made.succeeded else {
            throw TestSupportError("python3 -m venv (Debian: python3-venv): \(made.output)\(made.errors)")
        }
        let arguments = ["install", "--quiet", "--disable-pip-version-check", "--retries", "2", Self.requirement]
        let installed = try ChildProcess.run(environment.file("venv/bin/pip"), arguments, within: 300)
        if !installed.succeeded {
            // pip says that it tries again only where a connection failed, not where a package is missing.
            guard installed.errors.contains("Retrying (") else {
                throw TestSupportError("pip install \(Self.requirement): \(installed.errors)")
            }
            throw IndexUnreachable()
        }
        try environment.write(Self.follow, to: "follow.py")
    }

    /// Starts to read a stream from its beginning and then to follow it.
    ///
    /// It writes the `id` of each event on a line of its own, and `caught up` when it has come to the end and
    /// goes on live.
    ///
    /// - Parameter live: `long-poll` or `sse`.
    func follow(_ url: String, live: String) throws -> ChildProcess {
        try ChildProcess(environment.file("venv/bin/python"), ["-u", environment.file("follow.py"), url, live])
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
