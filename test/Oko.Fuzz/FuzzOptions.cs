namespace Oko.Fuzz;

/// <summary>What to do and for how long.</summary>
public sealed record FuzzOptions
{
    /// <summary>Folder with the objects that are mutated.</summary>
    public required string Corpus { get; init; }

    /// <summary>Folder that gets the inputs that showed a fault; made when there is one.</summary>
    public required string Findings { get; init; }

    /// <summary>How long.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Where the random numbers begin. One thread with the same seed goes the same way; several share what they learn.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Threads.</summary>
    public int Threads { get; init; } = 2;

    /// <summary>Longest time that loading one program may take.</summary>
    public TimeSpan LoadLimit { get; init; } = TimeSpan.FromSeconds(2);
}
