using System.Text;
using Oko.Agent.Configuration;

namespace Oko.Agent.Tests.Configuration;

public sealed class ConfigurationFileTests
{
    [Test]
    public void Parse_AllOptions_AreTaken()
    {
        var settings = Parse("""
            {
              // comments and trailing commas are fine
              "datapath-id": "00000000000000c1",
              "controller": "tcp:192.0.2.1",
              "listen": ["ptcp:6654"],
              "port": ["eth1=1", "eth2"],
              "fail-mode": "secure",
              "management": "/run/oko/a.sock",
              "cpu": 1,
              "filter-admins": ["tls", "ptcp:6654"],
              "transmit": "ring",
              "ring-size": 4096,
              "busy-poll": 50,
              "log-level": "debug",
            }
            """);

        settings.Should().BeEquivalentTo(new AgentSettings
        {
            DatapathId = "00000000000000c1",
            Controllers = ["tcp:192.0.2.1"],
            Listeners = ["ptcp:6654"],
            Ports = ["eth1=1", "eth2"],
            FailMode = "secure",
            Management = "/run/oko/a.sock",
            Cpus = "1",
            FilterAdmins = ["tls", "ptcp:6654"],
            Transmit = "ring",
            RingSize = "4096",
            BusyPoll = "50",
            LogLevel = "debug",
        });
    }

    [TestCase("""{ "prot": ["eth1"] }""", "$.prot is not an option")]
    [TestCase("""{ "port": ["eth1", 2] }""", "$.port[1] is a number")]
    [TestCase("""{ "datapath-id": 193 }""", "$.datapath-id is a number")]
    [TestCase("""{ "fail-mode": ["secure"] }""", "$.fail-mode is a list")]
    [TestCase("""{ "port": "eth1", "port": "eth2" }""", "$.port is given twice")]
    [TestCase("""[ "eth1" ]""", "$ is a list")]
    [TestCase("{\n \"port\": [\n}", "line 3")]
    [TestCase("", "line 1")]
    public void Parse_Fault_IsNamedByItsPath(string text, string expected)
    {
        var act = () => Parse(text);

        act.Should().Throw<ConfigurationException>().Which.Faults.Should().ContainSingle().Which.Should().StartWith("config file x.json: ").And.Contain(expected);
    }

    [Test]
    public void Read_MissingFile_NamesIt()
    {
        var act = () => ConfigurationFile.Read("/nonexistent/oko.json");

        act.Should().Throw<ConfigurationException>().WithMessage("*/nonexistent/oko.json*--config*");
    }

    [Test]
    public void Read_ExampleThatIsDeployed_IsValid()
    {
        var settings = ConfigurationFile.Read(Path.Combine(AppContext.BaseDirectory, "okoswitch.example.json"));

        AgentOptionsValidator.Validate(settings, ["eth1", "eth2"]).Ports.Should().HaveCount(2);
    }

    [Test]
    public void Over_CommandLineAndFile_CommandLineWinsPerOption()
    {
        var file = Parse("""{ "port": ["eth1", "eth2"], "fail-mode": "secure" }""");

        var merged = new AgentSettings { Ports = ["eth3"] }.Over(file);

        merged.Ports.Should().Equal("eth3");
        merged.FailMode.Should().Be("secure");
    }

    private static AgentSettings Parse(string text) => ConfigurationFile.Parse(Encoding.UTF8.GetBytes(text), "x.json");
}
