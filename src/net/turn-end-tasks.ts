/**
 * Tasks for the end of a turn of the event loop: each runs once. Owns their order and their bound,
 * not the moment.
 */

/**
 * How often tasks that tasks have added are run at the same end; what is then left waits for the
 * next.
 */
const PASSES_MAX = 8;

export class TurnEndTasks {
  #tasks: (() => void)[] = [];
  #running: (() => void)[] = [];

  get empty(): boolean {
    return this.#tasks.length === 0;
  }

  add(task: () => void): void {
    this.#tasks.push(task);
  }

  /**
   * Runs everything that is there, in order, and what that adds.
   *
   * @param onError takes what a task throws; the others run all the same
   */
  run(onError: (error: unknown) => void): void {
    for (let pass = 0; pass < PASSES_MAX && this.#tasks.length > 0; pass++) {
      const tasks = this.#tasks;
      this.#tasks = this.#running;
      this.#running = tasks;
      for (const task of tasks) {
        try {
          task();
        } catch (error) {
          onError(error);
        }
      }
      tasks.length = 0;
    }
  }
}
