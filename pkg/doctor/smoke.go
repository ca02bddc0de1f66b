package doctor

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Invoker is the part of Lambda that a test mail needs.
type Invoker interface {
	Invoke(ctx context.Context, in *lambda.InvokeInput, options ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// smokePayload asks the function guardrail for a test mail. Source: package function.
const smokePayload = `{"smoke": true}`

// Smoke has the function guardrail send a marked test mail: with its own role, to its
// own topics. That it arrives is not for AWS to tell.
func Smoke(ctx context.Context, functions Invoker, in Installation) Finding {
	const check = "test mail"
	out, err := functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: &in.Guardrail, Payload: []byte(smokePayload)})
	if err != nil {
		return unknown(check, "lambda:InvokeFunction", err)
	}
	if out.FunctionError != nil {
		var failed struct {
			Message string `json:"errorMessage"`
		}
		_ = json.Unmarshal(out.Payload, &failed) // What is no JSON has no message.
		return wrong(check, "put right what the message names; the function's log group has more", "the function could not send it: %s", failed.Message)
	}
	var sent struct {
		Reference string   `json:"reference"`
		Topics    []string `json:"topics"`
	}
	if err := json.Unmarshal(out.Payload, &sent); err != nil || sent.Reference == "" || len(sent.Topics) == 0 {
		return Finding{check, Unknown, fmt.Sprintf("not known: the function answered %.100q", out.Payload), deploy}
	}
	return fine(check, "%s is on its way by %v: see that everybody gets it", sent.Reference, sent.Topics)
}
