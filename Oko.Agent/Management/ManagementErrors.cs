using Grpc.Core;
using Grpc.Core.Interceptors;
using Oko.Agent.Filters;
using Oko.Agent.Observability;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Management;

/// <summary>Turns what a request may fail with into gRPC statuses whose text is for people. Any thread.</summary>
internal sealed class ManagementErrors(ILogger<ManagementErrors> log) : Interceptor
{
    // The text travels in a header, which clients bound to 64 KiB; percent-encoding may triple it.
    private const int MaxTextLength = 16_000;

    /// <inheritdoc/>
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context);
        }
        catch (Exception exception) when (exception is not RpcException)
        {
            throw Translate(exception);
        }
    }

    /// <inheritdoc/>
    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(request, responseStream, context);
        }
        catch (Exception exception) when (exception is not RpcException)
        {
            throw Translate(exception);
        }
    }

    private static StatusCode CodeOf(OkoErrorType type) => type switch
    {
        OkoErrorType.FilterExists => StatusCode.AlreadyExists,
        OkoErrorType.FilterUnknown or OkoErrorType.MapUnknown => StatusCode.NotFound,
        OkoErrorType.FilterInUse or OkoErrorType.MapEntry => StatusCode.FailedPrecondition,
        OkoErrorType.Quota => StatusCode.ResourceExhausted,
        OkoErrorType.NotPermitted => StatusCode.PermissionDenied,
        _ => StatusCode.InvalidArgument,
    };

    private RpcException Translate(Exception exception)
    {
        switch (exception)
        {
            case OkoErrorException refusal:
                return Make(CodeOf(refusal.Error.Type), refusal.Message);
            case OpenFlowErrorException refusal:
                return Make(StatusCode.InvalidArgument, $"{refusal.Message} [{ErrorCatalogue.Describe(refusal.Type, refusal.Code, refusal.Experimenter)}]");
            case FormatException fault:
                return Make(StatusCode.InvalidArgument, fault.Message);
            case OperationCanceledException:
                return Make(StatusCode.Unavailable, "the switch is stopping.");
            default:
                LogMessages.ManagementFailed(log, exception);
                return Make(StatusCode.Internal, $"the switch failed to answer ({exception.GetType().Name}: {exception.Message}); its log says more.");
        }
    }

    private static RpcException Make(StatusCode code, string text) =>
        new(new Status(code, text.Length <= MaxTextLength ? text : text[..MaxTextLength] + " [the rest is left out]"));
}
