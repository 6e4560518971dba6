using System.Diagnostics;
using System.Runtime.CompilerServices;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

/// <summary>Two workers and a controller use one map at the same time, for a few seconds or for OKO_HAMMER_SECONDS. The first breach of
/// the contract that one of them sees fails the test.</summary>
internal sealed class MapHammer
{
    // On a machine with fewer processors than threads, a worker that is stopped within a batch keeps removed entries for a long time, and
    // the others would mostly be told -EBUSY. So workers mostly give way between batches.
    private const int BatchesPerTurn = 256;

    private string? _fault;
    private bool _isOver;
    private long _batches;

    /// <summary>How long such a test takes: as many seconds as usual, or as it was asked for.</summary>
    public static TimeSpan Duration(int usualSeconds = 2) =>
        TimeSpan.FromSeconds(int.TryParse(Environment.GetEnvironmentVariable("OKO_HAMMER_SECONDS"), out int asked) ? asked : usualSeconds);

    /// <summary>Runs until the time is over or a check has failed, which it then says.</summary>
    /// <param name="startWorker">Called on the threads of worker 1 and worker 2; gives what this worker does in every batch.</param>
    /// <param name="control">What the controller does again and again; it is told the round's number.</param>
    /// <param name="duration">How long.</param>
    public void Run(Func<int, Action> startWorker, Action<long> control, TimeSpan duration)
    {
        Thread[] workers = [new(() => Work(startWorker, 1)), new(() => Work(startWorker, 2))];
        Array.ForEach(workers, worker => worker.Start());
        long rounds = 0;
        try
        {
            for (var clock = Stopwatch.StartNew(); clock.Elapsed < duration && Volatile.Read(ref _fault) is null; rounds++)
            {
                control(rounds);
            }
        }
        finally
        {
            Volatile.Write(ref _isOver, true);
            Array.ForEach(workers, worker => worker.Join());
        }

        TestContext.Out.WriteLine($"{duration.TotalSeconds} s: {_batches:N0} batches of two workers, {rounds:N0} rounds of the controller");
        _fault.Should().BeNull();
    }

    /// <summary>Notes a breach of the contract; any thread. The text is put together only then.</summary>
    public void Check(bool isGood, [InterpolatedStringHandlerArgument(nameof(isGood))] ref Breach breach)
    {
        if (!isGood)
        {
            Interlocked.CompareExchange(ref _fault, breach.ToString(), null);
        }
    }

    private void Work(Func<int, Action> startWorker, int number)
    {
        try
        {
            using MapReader reader = MapReaders.Register();
            Action batch = startWorker(number);
            long batches = 0;
            for (; !Volatile.Read(ref _isOver); batches++)
            {
                reader.Enter();
                batch();
                reader.Exit();
                if (batches % BatchesPerTurn == 0)
                {
                    Thread.Yield();
                }
            }

            Interlocked.Add(ref _batches, batches);
        }
        catch (Exception exception)
        {
            Check(false, $"worker {number}: {exception}");
        }
    }

    /// <summary>What is wrong, as an interpolated string that costs nothing while all is well.</summary>
    [InterpolatedStringHandler]
    public ref struct Breach
    {
        private DefaultInterpolatedStringHandler _text;

        public Breach(int literalLength, int formattedCount, bool isGood, out bool isWanted)
        {
            isWanted = !isGood;
            _text = isGood ? default : new DefaultInterpolatedStringHandler(literalLength, formattedCount);
        }

        public void AppendLiteral(string text) => _text.AppendLiteral(text);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        public override string ToString() => _text.ToString();
    }
}
