using StreamSettlement.Contracts;
using StreamSettlement.Ingest;

namespace StreamSettlement.UnitTests.Ingest;

public class CommandQueueTests
{
    private static readonly ControlCommand Command = new(CommandKind.EndDay, BusinessDay.Of(2026, 11, 21), "alice");

    private readonly CommandQueue _queue = new();

    [Fact]
    public async Task Whoever_submits_a_command_goes_on_when_it_was_taken_over()
    {
        var submitting = _queue.SubmitAsync(Command, TestContext.Current.CancellationToken);
        await _queue.WaitAsync(TestContext.Current.CancellationToken);
        Assert.True(_queue.TryTake(out var submitted));
        Assert.Equal(Command, submitted.Command);
        Assert.False(submitting.IsCompleted);
        submitted.Taken.SetResult();
        await submitting;
        Assert.True(_queue.IsEmpty);
    }

    [Fact]
    public async Task A_command_that_is_given_back_is_not_handled_for_its_sender()
    {
        var submitting = _queue.SubmitAsync(Command, TestContext.Current.CancellationToken);
        _queue.GiveBack();
        await Assert.ThrowsAsync<CommandReturnedException>(() => submitting);
        Assert.True(_queue.IsEmpty);
    }

    [Fact]
    public async Task A_command_that_was_taken_over_can_not_be_given_back()
    {
        var submitting = _queue.SubmitAsync(Command, TestContext.Current.CancellationToken);
        _queue.TryTake(out var submitted);
        submitted.Taken.SetResult();
        submitted.GiveBack();
        await submitting;
    }
}
