// Runs a SavedModel through TensorFlow's own loader and session: no Python, no Keras.
//
//   saved_model_runner FOLDER [THREADS]
//
// Prints {"load": SECONDS}, then answers commands, one a line, by one line of JSON each:
//
//   time SIGNATURE REQUEST COUNT    {"seconds": [...]} of each of COUNT runs
//   answer SIGNATURE REQUEST FILE   {} once FILE holds the outputs
//
// REQUEST and FILE are TFRecords of NamedTensorProto. Errors are {"error": "..."}.

#include <chrono>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/lib/io/record_reader.h"
#include "tensorflow/core/lib/io/record_writer.h"
#include "tensorflow/core/platform/env.h"
#include "tensorflow/core/protobuf/named_tensor.pb.h"
#include "tensorflow/core/public/session_options.h"

namespace {

using tensorflow::Status;
using tensorflow::Tensor;
using Tensors = std::vector<std::pair<std::string, Tensor>>;
using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Status ReadTensors(const std::string& path, Tensors* tensors) {
  std::unique_ptr<tensorflow::RandomAccessFile> file;
  TF_RETURN_IF_ERROR(tensorflow::Env::Default()->NewRandomAccessFile(path, &file));
  tensorflow::io::RecordReader reader(file.get());
  tensorflow::uint64 offset = 0;
  tensorflow::tstring record;
  while (true) {
    Status status = reader.ReadRecord(&offset, &record);
    if (absl::IsOutOfRange(status)) return absl::OkStatus();
    TF_RETURN_IF_ERROR(status);
    tensorflow::NamedTensorProto named;
    Tensor tensor;
    if (!named.ParseFromString(std::string(record)) || !tensor.FromProto(named.tensor())) {
      return absl::InvalidArgumentError("no NamedTensorProto in " + path);
    }
    tensors->emplace_back(named.name(), std::move(tensor));
  }
}

Status WriteTensors(const std::string& path, const Tensors& tensors) {
  std::unique_ptr<tensorflow::WritableFile> file;
  TF_RETURN_IF_ERROR(tensorflow::Env::Default()->NewWritableFile(path, &file));
  tensorflow::io::RecordWriter writer(file.get());
  for (const auto& [name, tensor] : tensors) {
    tensorflow::NamedTensorProto named;
    named.set_name(name);
    tensor.AsProtoTensorContent(named.mutable_tensor());
    TF_RETURN_IF_ERROR(writer.WriteRecord(named.SerializeAsString()));
  }
  TF_RETURN_IF_ERROR(writer.Close());
  return file->Close();
}

// A signature with its inputs, ready to run.
struct Call {
  Tensors feeds;
  std::vector<std::string> names, fetches;

  static Status Make(const tensorflow::SavedModelBundle& bundle, const std::string& signature,
                     const Tensors& inputs, Call* call) {
    const auto found = bundle.GetSignatures().find(signature);
    if (found == bundle.GetSignatures().end()) {
      return absl::NotFoundError("no signature " + signature);
    }
    for (const auto& [name, tensor] : inputs) {
      const auto input = found->second.inputs().find(name);
      if (input == found->second.inputs().end()) {
        return absl::InvalidArgumentError(signature + " has no input " + name);
      }
      call->feeds.emplace_back(input->second.name(), tensor);
    }
    for (const auto& [name, output] : found->second.outputs()) {
      call->names.push_back(name);
      call->fetches.push_back(output.name());
    }
    return absl::OkStatus();
  }
};

Status Run(const tensorflow::SavedModelBundle& bundle, std::istringstream& line,
           std::string* answer) {
  std::string command, signature, request;
  line >> command >> signature >> request;
  Tensors inputs;
  TF_RETURN_IF_ERROR(ReadTensors(request, &inputs));
  Call call;
  TF_RETURN_IF_ERROR(Call::Make(bundle, signature, inputs, &call));
  std::vector<Tensor> outputs;
  if (command == "answer") {
    std::string path;
    line >> path;
    TF_RETURN_IF_ERROR(bundle.GetSession()->Run(call.feeds, call.fetches, {}, &outputs));
    Tensors named;
    for (size_t i = 0; i < outputs.size(); ++i) named.emplace_back(call.names[i], outputs[i]);
    *answer = "{}";
    return WriteTensors(path, named);
  }
  if (command != "time") return absl::InvalidArgumentError("unknown command " + command);
  int count = 0;
  line >> count;
  std::ostringstream text;
  text.precision(9);
  text << "{\"seconds\": [";
  for (int i = 0; i < count; ++i) {
    const auto start = Clock::now();
    TF_RETURN_IF_ERROR(bundle.GetSession()->Run(call.feeds, call.fetches, {}, &outputs));
    text << (i ? ", " : "") << SecondsSince(start);
  }
  *answer = text.str() + "]}";
  return absl::OkStatus();
}

std::string Error(const Status& status) {
  std::string text;
  for (const char c : status.ToString()) {
    if (c == '"' || c == '\\') text += '\\';
    text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return "{\"error\": \"" + text + "\"}";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: saved_model_runner FOLDER [THREADS]\n";
    return 2;
  }
  tensorflow::SessionOptions options;
  if (argc > 2) {
    const int threads = std::stoi(argv[2]);
    options.config.set_intra_op_parallelism_threads(threads);
    options.config.set_inter_op_parallelism_threads(threads);
  }
  tensorflow::SavedModelBundle bundle;
  const auto start = Clock::now();
  const Status loaded = tensorflow::LoadSavedModel(options, tensorflow::RunOptions(), argv[1],
                                                   {"serve"}, &bundle);
  if (!loaded.ok()) {
    std::cout << Error(loaded) << std::endl;
    return 1;
  }
  std::cout << "{\"load\": " << SecondsSince(start) << "}" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string answer;
    const Status status = Run(bundle, words, &answer);
    std::cout << (status.ok() ? answer : Error(status)) << std::endl;
  }
}
