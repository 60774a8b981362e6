import ArgumentParser

/// `tidings job`: job feeds of the Thoonk contract.
struct JobCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job",
        abstract: "Thoonk job feeds: put, get, finish, give up, set aside, look after.",
        discussion: """
            A job is claimed by one worker at a time and stays until it is finished. A claim ends by itself after its time, \
            five minutes unless you say otherwise: then the job waits again, and a late finish with the old token is \
            refused. 'tidings feed' lists, creates, configures and deletes job feeds as well.

            Examples:
              tidings job put mail 'to: ada'
              tidings job get mail --timeout 10s --json
              tidings job finish mail ID --token TOKEN --result sent
              tidings job status mail
              tidings job maintain mail
            """,
        subcommands: [
            JobPut.self, JobGet.self, JobFinish.self, JobCancel.self, JobStall.self, JobRetry.self, JobRetract.self,
            JobExtend.self, JobStatusCommand.self, JobMaintain.self,
        ])
}
