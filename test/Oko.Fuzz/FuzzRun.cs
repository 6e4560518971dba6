using System.Diagnostics;

namespace Oko.Fuzz;

/// <summary>What came out.</summary>
/// <param name="Inputs">Objects that were tried.</param>
/// <param name="Accepted">Programs that were accepted.</param>
/// <param name="Run">New ones among them, which both engines ran.</param>
/// <param name="Learned">Inputs that did something new.</param>
/// <param name="Slowest">The longest time that loading one program took.</param>
/// <param name="BytesEarly">Managed memory after a fifth of the time.</param>
/// <param name="BytesLate">Managed memory at the end.</param>
/// <param name="Findings">What is wrong, each with the file that shows it.</param>
public sealed record FuzzResult(
    long Inputs, long Accepted, long Run, int Learned, TimeSpan Slowest, long BytesEarly, long BytesLate, IReadOnlyList<string> Findings)
{
    /// <summary>One line.</summary>
    public override string ToString() =>
        $"{Inputs} objects, {Accepted} programs accepted, {Run} of them new and run in both engines, {Learned} learned, slowest load {Slowest.TotalMilliseconds:f0} ms, " +
        $"managed memory {BytesEarly >> 20} MiB early, {BytesLate >> 20} MiB at the end, {Findings.Count} findings";
}

/// <summary>Mutates objects and looks what happens, on some threads for some time.</summary>
public sealed class FuzzRun
{
    // An input that takes longer has made something hang.
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(60);

    private readonly FuzzOptions _options;
    private readonly Corpus _corpus;
    private readonly List<string> _findings = [];
    private readonly Lock _lock = new();
    private readonly FuzzTarget[] _targets;
    private readonly (byte[]? Input, long Since)[] _current;
    private readonly long[] _inputs;
    private volatile bool _ends;

    private FuzzRun(FuzzOptions options)
    {
        _options = options;
        _corpus = new Corpus(options.Corpus);
        _targets = [.. Enumerable.Range(0, options.Threads).Select(_ => new FuzzTarget(options))];
        _current = new (byte[]?, long)[options.Threads];
        _inputs = new long[options.Threads];
    }

    /// <summary>Runs until the time is over or something is wrong.</summary>
    /// <exception cref="ArgumentException">The corpus is empty.</exception>
    public static FuzzResult Run(FuzzOptions options) => new FuzzRun(options).Run();

    /// <summary>Looks at one input alone, several times with different contents of its maps.</summary>
    /// <returns>What is wrong, or null.</returns>
    public static string? Reproduce(byte[] input, FuzzOptions options)
    {
        const int Attempts = 20;
        return Enumerable.Range(0, Attempts).Select(seed =>
        {
            using var target = new FuzzTarget(options);
            return target.Run(input, new Random(seed), () => { });
        }).FirstOrDefault(fault => fault is not null);
    }

    private FuzzResult Run()
    {
        var clock = Stopwatch.StartNew();
        var threads = Enumerable.Range(0, _options.Threads).Select(number => new Thread(() => Work(number)) { IsBackground = true, Name = $"fuzz {number}" }).ToList();
        threads.ForEach(thread => thread.Start());
        long early = 0;
        while (!_ends && clock.Elapsed < _options.Duration)
        {
            // The watch of the threads needs no more precision than this.
            Thread.Sleep(100);
            early = early == 0 && clock.Elapsed > _options.Duration / 5 ? GC.GetTotalMemory(forceFullCollection: true) : early;
            WatchForHangs();
        }

        _ends = true;
        if (_findings.Count == 0)
        {
            threads.ForEach(thread => thread.Join());
        }

        var result = new FuzzResult(
            _inputs.Sum(), _targets.Sum(target => target.Programs.Accepted), _targets.Sum(target => target.Programs.Run), _corpus.Learned,
            _targets.Max(target => target.Slowest), early, GC.GetTotalMemory(forceFullCollection: true), _findings);
        if (_findings.Count == 0)
        {
            Array.ForEach(_targets, target => target.Dispose());
        }

        return result;
    }

    private void Work(int number)
    {
        var random = new Random((_options.Seed * 1000) + number);
        var mutator = new ObjectMutator(random);
        var running = Path.Combine(_options.Findings, $"running-{number}.o");
        while (!_ends)
        {
            var input = mutator.Mutate(_corpus.Pick(random), _corpus.Pick(random));
            lock (_lock)
            {
                _current[number] = (input, Stopwatch.GetTimestamp());
            }

            string? fault;
            try
            {
                fault = _targets[number].Run(input, random, () => Save(running, input));
            }
            catch (Exception exception)
            {
                fault = exception.ToString();
            }

            _inputs[number]++;
            if (fault is not null)
            {
                Report(input, fault);
                return;
            }

            _corpus.Learn(input, _targets[number].Features);
        }

        File.Delete(running);
    }

    private void WatchForHangs()
    {
        lock (_lock)
        {
            foreach (var (input, since) in _current)
            {
                if (input is not null && Stopwatch.GetElapsedTime(since) > Hang)
                {
                    Report(input, $"no end after {Hang.TotalSeconds} s");
                    return;
                }
            }
        }
    }

    private void Report(byte[] input, string fault)
    {
        lock (_lock)
        {
            var file = Path.Combine(_options.Findings, $"finding-{_options.Seed}-{_findings.Count}.o");
            Save(file, input);
            _findings.Add($"{file}: {fault}");
            _ends = true;
        }
    }

    private void Save(string file, byte[] input)
    {
        Directory.CreateDirectory(_options.Findings);
        File.WriteAllBytes(file, input);
    }
}
