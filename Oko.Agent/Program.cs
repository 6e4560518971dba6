using Oko.Agent.Cli;

return await new CliRoot(Terminal.Standard).RunAsync(args);
